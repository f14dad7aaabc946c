// The thread that owns the database file: runs the statements it is sent, one after the other, off the event loop.
import { backup, DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../lib/clock.ts';
import { tendThreadMemory } from '../../lib/thread-memory.ts';
import { openDatabase, resultCode } from './open.ts';
import { Statements, type Statement } from './statements.ts';

/** What the thread begins with. */
export interface DatabaseThreadData {
  readonly file: string;
  readonly isReadOnly: boolean;
  /** Whether an older schema is brought up to date. */
  readonly migrates: boolean;
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

/**
 * Copies the database as it is at this moment, on a connection of its own that goes on reading that moment: without that
 * SQLite begins anew after every write of another program, and beside a busy gateway never ends.
 */
async function copyTo(copy: string, file: string): Promise<void> {
  const source = new DatabaseSync(file, { readOnly: true });
  try {
    // The first look at a table is what begins it.
    source.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    await backup(source, copy);
  } finally {
    source.close();
  }
}

function start(port: NonNullable<typeof parentPort>): void {
  const { file, isReadOnly, migrates } = workerData as DatabaseThreadData;
  let database: DatabaseSync;
  try {
    database = openDatabase(file, migrates);
    // What is deleted here may have been a credential or a prompt: it is overwritten.
    database.exec(`PRAGMA secure_delete = 1; PRAGMA query_only = ${Number(isReadOnly)}`);
  } catch (error) {
    port.postMessage({ n: 0, error: { message: (error as Error).message, resultCode: resultCode(error) } });
    return;
  }
  const statements = new Statements(database);
  const run = async (request: WorkerRequest): Promise<Omit<WorkerAnswer, 'n'>> => {
    if (request.backupTo !== undefined) {
      await copyTo(request.backupTo, file);
      return {};
    }
    if (request.batch !== undefined) return { changes: statements.runBatch(request.batch) };
    return statements.run(request.sql ?? '', request.parameters ?? []);
  };
  port.on('message', (request: WorkerRequest) => {
    run(request).then(
      (answer) => port.postMessage({ n: request.n, ...answer }),
      (error: Error) =>
        port.postMessage({ n: request.n, error: { message: error.message, resultCode: resultCode(error) } }),
    );
  });
  tendThreadMemory(systemClock);
  port.once('close', () => database.close());
  port.postMessage({ n: 0 });
}

if (parentPort !== null) start(parentPort);
