// The thread that owns the database file: runs the statements it is sent, one after the other, off the event loop.
import { backup, type DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabase, resultCode } from './open.ts';

/** A statement with its parameters. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** A statement to run, several as one transaction, or a file to copy the database to. */
export interface WorkerRequest {
  readonly n: number;
  readonly sql?: string;
  readonly parameters?: readonly unknown[];
  readonly batch?: readonly Statement[];
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
    if (request.batch !== undefined) return { changes: runBatch(request.batch) };
    const statement = prepare(request.sql ?? '');
    const parameters = (request.parameters ?? []).map(bindable);
    if (statement.columns().length > 0) return { rows: statement.all(...parameters) };
    return { rows: [], changes: Number(statement.run(...parameters).changes) };
  };
  /** One transaction in one go; undone, and 0, where a statement changes nothing. */
  const runBatch = (batch: readonly Statement[]): number => {
    let changes = 0;
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const { sql, parameters } of batch) {
        const changed = Number(prepare(sql).run(...parameters.map(bindable)).changes);
        if (changed === 0) {
          database.exec('ROLLBACK');
          return 0;
        }
        changes += changed;
      }
      database.exec('COMMIT');
      return changes;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
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
