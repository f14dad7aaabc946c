// A whole gateway over loopback with the fake OpenAI behind it, in this process, on free ports, in a folder of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings, type SettingName } from '../../src/core/settings.ts';
import type { Ledger, LedgerParts } from '../../src/ledger/ledger.ts';
import { startGateway } from '../../src/main.ts';
import type { MockScript } from '../../src/mock/script.ts';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { CanaryWatch } from './canary-watch.ts';
import { freshDatabase } from './test-database.ts';

/** How a rig differs from the usual one. */
export interface RigOptions {
  readonly settings?: Partial<Record<SettingName, string>>;
  readonly script?: MockScript;
  /** Keys of the accounts that are there from the start, one account each; `['sk-test-key-0001']` where not given. */
  readonly keys?: readonly string[];
  /** In place of the gateway's own ledger. */
  readonly openLedger?: (parts: LedgerParts) => Promise<Ledger>;
}

/** A gateway with the fake OpenAI behind its provider `openai`. */
export interface Rig {
  readonly url: string;
  readonly mock: Mock;
  readonly folder: string;
  /** The file or the URL of its database, for SQL from outside. */
  readonly database: string;
  /** What a command needs to find the same data. */
  readonly flags: readonly string[];
  /** Ids of the accounts, in the order of the keys. */
  readonly accounts: readonly string[];
  /** Calls the management API; throws where it does not answer 2xx. */
  manage<Answer = unknown>(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Posts a JSON body, or bytes as they are, to the data plane. */
  post(path: string, body: unknown, headers?: Record<string, string>, signal?: AbortSignal): Promise<Response>;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const testKey = 'sk-test-key-000000000001';

/** Starts a rig. Use it with `await using`. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  // Where the start fails, what it had begun is ended: else the process of the test would wait for it.
  await using begun = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-test-'));
  const watch = canaryWatch(options);
  begun.defer(() => watch.end());
  begun.defer(() => rmSync(folder, { recursive: true, force: true }));
  const mock = await startMock({ port: 0, ...(options.script !== undefined && { script: options.script }) });
  begun.defer(() => mock.close());
  const database = await freshDatabase(folder);
  const usual = { PORT: '0', DATA_DIR: folder, DATABASE_URL: database.url, LOG_LEVEL: 'trace', DRAIN_TIMEOUT_MS: '0' };
  const settings = readSettings({ ...usual, ...options.settings }, {});
  const gateway = await startGateway(settings, () => {}, {
    log: { write: (line) => watch.take('the log', line) },
    ...(options.openLedger !== undefined && { openLedger: options.openLedger }),
  });
  const { url } = gateway;
  begun.defer(() => watch.takeFolder(folder));
  begun.defer(() => gateway.stop());
  watch.listen(url);
  const client = clientOf(url, options.settings?.ADMIN_TOKEN, watch);
  const accounts = await setUp(client, mock, options.keys);
  begun.defer(async () => {
    await watch.takeMetrics(url);
    watch.takeFolder(folder);
  });
  const parts = begun.move();
  const stop = (): Promise<void> => parts.disposeAsync();
  return {
    url,
    mock,
    folder,
    database: database.outside,
    flags: ['--data-dir', folder, '--database-url', database.url],
    accounts,
    ...client,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What speaks to a gateway. */
export type RigClient = Pick<Rig, 'manage' | 'post'>;

/** A watch that knows the secrets which a rig begins with. */
export function canaryWatch({ keys = [testKey], settings = {} }: RigOptions): CanaryWatch {
  return new CanaryWatch([...keys, settings.ADMIN_TOKEN, settings.ENCRYPTION_KEY]);
}

/** Speaks to the gateway at this URL, as its administrator; `watch` learns the secrets that it sends and gets. */
export function clientOf(url: string, adminToken?: string, watch?: CanaryWatch): RigClient {
  const admin = adminToken === undefined ? {} : { authorization: `Bearer ${adminToken}` };
  return {
    async manage<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
      watch?.learnSent(body);
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: { ...admin, ...(body !== undefined && { 'content-type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} → ${response.status} ${text}`);
      const answer = (text === '' ? undefined : JSON.parse(text)) as Answer;
      watch?.learnAnswered(answer);
      return answer;
    },
    post: (path, body, headers = {}, signal) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
        ...(signal !== undefined && { signal }),
      }),
  };
}

/** Points the provider `openai` at the fake OpenAI and makes an account for each key; their ids. */
export async function setUp({ manage }: RigClient, mock: Mock, keys: readonly string[] = [testKey]): Promise<string[]> {
  await manage('PATCH', '/providers/openai', { base_url: mock.url });
  const accounts: string[] = [];
  for (const [i, key] of keys.entries()) {
    // Earlier keys are used up first, so that a test knows whom a request meets.
    const body = { provider_id: 'openai', label: `Account ${i + 1}`, auth_data: { api_key: key }, priority: -i };
    accounts.push((await manage<{ id: string }>('POST', '/accounts', body)).id);
  }
  return accounts;
}

/** A small chat request. */
export function chat(model: string, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return { model, messages: [{ role: 'user', content: 'one two three four five' }], ...extra };
}
