// The main thread's end of the database thread: a statement in, its rows out.
import { Worker } from 'node:worker_threads';
import { ConflictError, StorageError } from '../storage.ts';
import type { Statement, StatementRunner } from './statements.ts';
import type { WorkerAnswer, WorkerRequest } from './worker.ts';

/** SQLITE_CONSTRAINT. */
const constraint = 19;

interface Waiting {
  readonly resolve: (answer: WorkerAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** A database file, opened in a thread of its own. */
export class SqliteConnection implements StatementRunner {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #count = 0;
  #failure: StorageError | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: WorkerAnswer) => this.#settle(answer));
    worker.on('error', (error: Error) => this.#fail(`the database thread failed: ${error.message}`));
    worker.on('exit', () => this.#fail('the database is closed'));
  }

  /** Rejects with a `StorageError` where the file cannot be used. */
  static async open(file: string): Promise<SqliteConnection> {
    const source = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
    const worker = new Worker(source, { workerData: { file } });
    const connection = new SqliteConnection(worker);
    try {
      await connection.#expect(0);
    } catch (error) {
      await worker.terminate();
      throw new StorageError((error as Error).message);
    }
    worker.unref();
    return connection;
  }

  /** What is sent now is worked on at once. */
  get isIdle(): boolean {
    return this.#failure === undefined && this.#waiting.size === 0;
  }

  run(sql: string, parameters: readonly unknown[]): Promise<WorkerAnswer> {
    return this.#send({ sql, parameters });
  }

  /** Runs the statements as one transaction; false, and nothing is done, where one of them changes nothing. */
  async runBatch(batch: readonly Statement[]): Promise<boolean> {
    return ((await this.#send({ batch })).changes ?? 0) > 0;
  }

  async backup(file: string): Promise<void> {
    await this.#send({ backupTo: file });
  }

  /** Lets what was sent finish first. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.#send({ sql: 'PRAGMA optimize', parameters: [] }).catch(() => undefined);
    await this.#worker.terminate();
  }

  #send(request: Omit<WorkerRequest, 'n'>): Promise<WorkerAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#count += 1;
    const answer = this.#expect(this.#count);
    this.#worker.postMessage({ n: this.#count, ...request });
    return answer;
  }

  #expect(n: number): Promise<WorkerAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<WorkerAnswer>();
    // An answer that somebody waits for keeps the process alive; an idle database does not.
    if (this.#waiting.size === 0) this.#worker.ref();
    this.#waiting.set(n, { resolve, reject });
    return promise;
  }

  #settle(answer: WorkerAnswer): void {
    const waiting = this.#waiting.get(answer.n);
    this.#waiting.delete(answer.n);
    if (this.#waiting.size === 0) this.#worker.unref();
    if (answer.error === undefined) waiting?.resolve(answer);
    else if (answer.error.resultCode === constraint) waiting?.reject(new ConflictError(answer.error.message));
    else waiting?.reject(new StorageError(answer.error.message));
  }

  #fail(message: string): void {
    this.#failure ??= new StorageError(message);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
