// The thread that owns the database file: runs the statements it is sent, one after the other, off the event loop.
import { backup, type DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase, resultCode } from './open.ts';

/** A statement to run, or a file to copy the database to. */
export interface WorkerRequest {
  readonly n: number;
  readonly sql?: string;
  readonly parameters?: readonly unknown[];
  readonly backupTo?: string;
}

export interface WorkerAnswer {
  readonly n: number;
  readonly rows?: readonly Record<string, unknown>[];
  readonly changes?: number;
  readonly error?: { readonly message: string; readonly resultCode: number | undefined };
}

const statementsKept = 200;

function start(port: NonNullable<typeof parentPort>): void {
  let database: DatabaseSync;
  try {
    database = openDatabase((workerData as { file: string }).file);
  } catch (error) {
    port.postMessage({ n: 0, error: { message: (error as Error).message, resultCode: resultCode(error) } });
    return;
  }
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const kept = statements.get(sql);
    if (kept !== undefined) return kept;
    if (statements.size >= statementsKept) statements.clear();
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const run = async (request: WorkerRequest): Promise<Omit<WorkerAnswer, 'n'>> => {
    if (request.backupTo !== undefined) {
      await backup(database, request.backupTo);
      return {};
    }
    const statement = prepare(request.sql ?? '');
    const parameters = (request.parameters ?? []).map(bindable);
    if (statement.columns().length > 0) return { rows: statement.all(...parameters) };
    return { rows: [], changes: Number(statement.run(...parameters).changes) };
  };
  port.on('message', (request: WorkerRequest) => {
    run(request).then(
      (answer) => port.postMessage({ n: request.n, ...answer }),
      (error: Error) =>
        port.postMessage({ n: request.n, error: { message: error.message, resultCode: resultCode(error) } }),
    );
  });
  port.once('close', () => database.close());
  port.postMessage({ n: 0 });
}

/** SQLite has no booleans. */
function bindable(value: unknown): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : (value as SQLInputValue);
}

if (parentPort !== null) start(parentPort);
