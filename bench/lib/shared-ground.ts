// Several gateways on one PostgreSQL and one Redis with the fake OpenAI behind them, all programs of their own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runSql, startPostgres, type PostgresServer } from '../../test/support/postgres.ts';
import { openLine, startRedis, type Line, type RedisServer } from '../../test/support/redis.ts';
import { startProcess, type RunningProcess } from './start-process.ts';

const launcher = fileURLToPath(new URL('../../bin/aigateway.js', import.meta.url));
/** All gateways have a change in force within two seconds. */
const inForceMs = 2500;

/** A model, and another that costs the same: a token's price in nano-dollars. */
export const model = 'gpt-4';
export const floodModel = 'gpt-bench-whole';
export const price = { promptNanoUsd: 30_000, completionNanoUsd: 60_000 } as const;

/** How it is laid out. */
export interface GroundOptions {
  readonly gateways: number;
  /** Lines of PostgreSQL's configuration. */
  readonly postgresSettings?: readonly string[];
  /** Whether gateways reach the stores over lines that can be cut; straight where not. */
  readonly hasLines: boolean;
  readonly answerMs: number;
}

/** What is started. */
export interface SharedGround extends AsyncDisposable {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly lines: { readonly postgres: Line; readonly redis: Line } | undefined;
  /** The database, straight and as its owner. */
  readonly databaseUrl: string;
  /** The fake OpenAI. */
  readonly upstream: string;
  readonly gateways: readonly string[];
  /** Starts one more, with an empty data folder; the caller stops it. */
  startGateway(): Promise<RunningProcess>;
  /** Makes a client key that all gateways know. */
  makeKey(fields: Readonly<Record<string, unknown>>): Promise<{ readonly id: string; readonly key: string }>;
}

/** Starts it all, with one account at the fake OpenAI. */
export async function openGround({
  gateways: count,
  postgresSettings = [],
  hasLines,
  answerMs,
}: GroundOptions): Promise<SharedGround> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-ground-'));
  const postgres = await startPostgres(postgresSettings);
  const redis = await startRedis();
  const databaseUrl = await postgres.createDatabase();
  const database = new URL(databaseUrl).pathname.slice(1);
  // Not the server's administrator, for whom places are kept.
  await runSql(
    databaseUrl,
    `CREATE ROLE gateway LOGIN PASSWORD 'only-here'; ALTER DATABASE ${database} OWNER TO gateway`,
  );
  const lines = hasLines ? { postgres: await openLine(postgres.port), redis: await openLine(redis.port) } : undefined;
  const environment = {
    AIGATEWAY_PORT: '0',
    AIGATEWAY_DATABASE_URL: `postgres://gateway:only-here@127.0.0.1:${(lines?.postgres ?? postgres).port}/${database}`,
    AIGATEWAY_REDIS_URL: redis.url.replace(`:${redis.port}`, `:${(lines?.redis ?? redis).port}`),
    AIGATEWAY_ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
    AIGATEWAY_DRAIN_TIMEOUT_MS: '2000',
  };
  const running: RunningProcess[] = [];
  const start = (args: readonly string[], env: Readonly<Record<string, string>>): Promise<RunningProcess> =>
    startProcess({
      command: process.execPath,
      args: [launcher, ...args],
      env,
      withoutEnv: /^AIGATEWAY_/u,
      ready: /^listening on (\S+)$/mu,
    });
  let folders = 0;
  const startGateway = (): Promise<RunningProcess> =>
    start(['serve'], { ...environment, AIGATEWAY_DATA_DIR: join(folder, `data-${folders++}`) });
  const end = async (): Promise<void> => {
    for (const one of running.reverse()) await one.stop();
    for (const line of Object.values(lines ?? {})) await line[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const script = join(folder, 'script.json');
    writeFileSync(script, JSON.stringify({ rpm: 1e8, tpm: 1e11, delay_ms: answerMs }));
    const fake = await start(['mock', '--port', '0', '--script', script], {});
    running.push(fake);
    const gateways: string[] = [];
    for (let n = 0; n < count; n += 1) {
      const gateway = await startGateway();
      running.push(gateway);
      gateways.push(gateway.readyText);
    }
    const [first = ''] = gateways;
    await manage(first, 'PATCH', 'providers/openai', { base_url: fake.readyText });
    const perMillion = { input: '30', output: '60', effective_from: '2026-01-01' };
    await manage(first, 'POST', 'prices', { provider_id: 'openai', model: floodModel, ...perMillion });
    const account = { provider_id: 'openai', label: 'Bench', auth_data: { api_key: 'sk-bench-shared-ground-0001' } };
    await manage(first, 'POST', 'accounts', account);
    return {
      postgres,
      redis,
      lines,
      databaseUrl,
      upstream: fake.readyText,
      gateways,
      startGateway,
      async makeKey(fields) {
        const made = await manage<{ id: string; key: string }>(first, 'POST', 'keys', { name: 'Bench', ...fields });
        await new Promise((resolve) => setTimeout(resolve, inForceMs));
        return made;
      },
      [Symbol.asyncDispose]: end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function manage<Answer>(url: string, method: string, path: string, content: unknown): Promise<Answer> {
  const response = await fetch(`${url}/api/v1/${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(content),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}
