// The main thread's end of the database thread: a statement in, its rows out.
import { Worker } from 'node:worker_threads';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { ConflictError, StorageError } from '../storage.ts';
import { Place } from './place.ts';
import type { Statement, StatementRunner } from './statements.ts';
import type { DatabaseThreadData, WorkerAnswer, WorkerRequest } from './worker.ts';

/** SQLITE_CONSTRAINT. */
const constraint = 19;

interface Waiting {
  readonly resolve: (answer: WorkerAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that ends as soon as it has begun is not begun more often than this. */
const restartEveryMs = 1000;

/** How a connection is opened. */
export interface ConnectionOptions {
  /** Nothing is written on it. */
  readonly isReadOnly?: boolean;
  /** Whether an older schema is brought up to date; it is where not given. */
  readonly migrates?: boolean;
  readonly clock?: Clock;
  /** Where the file is that is to be opened, and no other; not given: whichever is there. */
  readonly place?: Place;
}

/**
 * A database file, opened in a thread of its own. Where that thread ends, by an error or for want of memory, who waits for
 * it gets a `StorageError`, and what is sent next begins a new one. Nothing is sent twice.
 */
export class SqliteConnection implements StatementRunner {
  readonly #begin: () => Worker;
  readonly #clock: Clock;
  #place: Place | undefined;
  #worker: Worker | undefined;
  #begunAtMs = 0;
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;
  /** Why there is no thread. */
  #failure = new StorageError('the database is not open');
  #isClosed = false;
  /** The thread on which the transaction was begun that is not over. */
  #transaction: Worker | undefined;

  private constructor(begin: () => Worker, clock: Clock, place: Place | undefined) {
    this.#begin = begin;
    this.#clock = clock;
    this.#place = place;
  }

  /** Rejects with a `StorageError` where the file cannot be used. */
  static async open(
    file: string,
    { isReadOnly = false, migrates = true, clock = systemClock, place }: ConnectionOptions = {},
  ): Promise<SqliteConnection> {
    const source = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
    const workerData: DatabaseThreadData = { file, isReadOnly, migrates };
    place?.check();
    const connection = new SqliteConnection(() => new Worker(source, { workerData }), clock, place);
    connection.#start();
    try {
      await connection.#expect(0);
    } catch (error) {
      connection.#isClosed = true;
      await connection.#worker?.terminate();
      throw new StorageError((error as Error).message);
    }
    connection.#place ??= new Place(file);
    return connection;
  }

  /** What is sent now is worked on at once. */
  get isIdle(): boolean {
    return this.#worker !== undefined && this.#waiting.size === 0;
  }

  async run(sql: string, parameters: readonly unknown[]): Promise<WorkerAnswer> {
    // What has begun in the right file ends there.
    if (this.#transaction === undefined) this.#place?.check();
    else {
      const isLost = this.#transaction !== this.#worker;
      if (sql === 'COMMIT' || sql === 'ROLLBACK') this.#transaction = undefined;
      // What was a part of it must not be done on its own.
      if (isLost) throw this.#failure;
    }
    if (!sql.startsWith('BEGIN')) return this.#send({ sql, parameters });
    const begun = this.#send({ sql, parameters });
    this.#transaction = this.#worker;
    try {
      return await begun;
    } catch (error) {
      this.#transaction = undefined;
      throw error;
    }
  }

  /** Runs the statements as one transaction; false, and nothing is done, where one of them changes nothing. */
  async runBatch(batch: readonly Statement[]): Promise<boolean> {
    this.#place?.check();
    return ((await this.#send({ batch })).changes ?? 0) > 0;
  }

  /** Writes a consistent copy to a new file while everything runs on. */
  async backup(file: string): Promise<void> {
    this.#place?.check();
    await this.#send({ backupTo: file });
  }

  /** Lets what was sent finish first. */
  async close(): Promise<void> {
    if (this.#worker !== undefined) await this.#send({ sql: 'PRAGMA optimize', parameters: [] }).catch(() => undefined);
    this.#isClosed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = this.#begin();
    this.#worker = worker;
    this.#begunAtMs = this.#clock.nowMs();
    let failure = new StorageError('the database thread has ended');
    worker.on('message', (answer: WorkerAnswer) => {
      // It could not open the file and ends. While the connection is opened, somebody waits for that.
      if (answer.n === 0 && answer.error !== undefined) failure = new StorageError(answer.error.message);
      this.#settle(answer);
    });
    worker.on('error', (error: Error) => {
      failure = new StorageError(`the database thread failed: ${error.message}`);
    });
    worker.on('exit', () => this.#onEnd(this.#isClosed ? new StorageError('the database is closed') : failure));
    return worker;
  }

  #send(request: Omit<WorkerRequest, 'n'>): Promise<WorkerAnswer> {
    if (this.#worker === undefined) {
      if (this.#isClosed || this.#clock.nowMs() - this.#begunAtMs < restartEveryMs)
        return Promise.reject(this.#failure);
      try {
        this.#start();
      } catch (error) {
        return Promise.reject(new StorageError(`the database thread cannot begin: ${(error as Error).message}`));
      }
    }
    this.#count += 1;
    const answer = this.#expect(this.#count);
    this.#worker?.postMessage({ n: this.#count, ...request });
    return answer;
  }

  #expect(n: number): Promise<WorkerAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<WorkerAnswer>();
    // An answer that somebody waits for keeps the process alive; an idle database does not.
    if (this.#waiting.size === 0) this.#worker?.ref();
    this.#waiting.set(n, { resolve, reject });
    return promise;
  }

  #settle(answer: WorkerAnswer): void {
    const waiting = this.#waiting.get(answer.n);
    this.#waiting.delete(answer.n);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (answer.error === undefined) waiting?.resolve(answer);
    else if (answer.error.resultCode === constraint) waiting?.reject(new ConflictError(answer.error.message));
    else waiting?.reject(new StorageError(answer.error.message));
  }

  #onEnd(failure: StorageError): void {
    this.#worker = undefined;
    this.#failure = failure;
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
  }
}
