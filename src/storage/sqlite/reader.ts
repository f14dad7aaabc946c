// A second, read-only connection for short questions: what is asked on it never waits for a write, or for the disk that a write waits for.
import { DatabaseSync } from 'node:sqlite';
import { StorageError } from '../storage.ts';
import type { Place } from './place.ts';
import { Statements, type Statement, type StatementResult, type StatementRunner } from './statements.ts';

/** A reader waits for nobody in a write-ahead log, but for who recovers the log after a crash. */
const busyTimeoutMs = 50;

/** Reads an existing database in the calling thread: for questions of a few microseconds, not for reports. */
export class SqliteReader implements StatementRunner {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  readonly #place: Place;

  constructor(file: string, place: Place) {
    this.#place = place;
    this.#database = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs });
    this.#statements = new Statements(this.#database);
  }

  async run(sql: string, parameters: readonly unknown[]): Promise<StatementResult> {
    this.#place.check();
    try {
      return this.#statements.run(sql, parameters);
    } catch (error) {
      throw new StorageError((error as Error).message, { cause: error });
    }
  }

  async runBatch(_batch: readonly Statement[]): Promise<boolean> {
    throw new StorageError('this connection only reads');
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
