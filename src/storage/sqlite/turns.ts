// Who may use the one connection: one after the other, and during a transaction only those that it calls itself.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Statement, StatementRunner } from './statements.ts';

interface Scope {
  isOpen: boolean;
  /** What went wrong in a transaction within this one: the whole must not be kept then. */
  failure: { readonly error: unknown } | undefined;
}

/** Hands the connection out. What a transaction's work calls, however deep, belongs to that transaction. */
export class Turns {
  readonly #connection: StatementRunner;
  readonly #scope = new AsyncLocalStorage<Scope>();
  #last: Promise<void> = Promise.resolve();

  constructor(connection: StatementRunner) {
    this.#connection = connection;
  }

  /** Whether the caller belongs to a transaction that is open. */
  get isInside(): boolean {
    return this.#scope.getStore()?.isOpen === true;
  }

  /** Waits for a turn; the answer ends it. Within a transaction its turn serves for all. */
  async take(): Promise<() => void> {
    if (this.isInside) return () => {};
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = before.then(() => promise);
    await before;
    return resolve;
  }

  /** Makes the transaction that the caller belongs to fail as a whole. */
  fail(error: unknown): void {
    const scope = this.#scope.getStore();
    if (scope !== undefined) scope.failure ??= { error };
  }

  /** Runs the statements as one transaction; false, and nothing is done, where one of them changes nothing. */
  async batch(statements: readonly Statement[]): Promise<boolean> {
    const end = await this.take();
    try {
      if (!this.isInside) return await this.#connection.runBatch(statements);
      for (const { sql, parameters } of statements) await this.#connection.run(sql, parameters);
      return true;
    } finally {
      end();
    }
  }

  /** Runs `work` in a transaction; one within another is a part of it. */
  async transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.isInside) {
      return work().catch((error: unknown) => {
        this.fail(error);
        throw error;
      });
    }
    const end = await this.take();
    const scope: Scope = { isOpen: true, failure: undefined };
    try {
      await this.#connection.run('BEGIN IMMEDIATE', []);
      const result = await this.#scope.run(scope, work);
      if (scope.failure !== undefined) throw scope.failure.error;
      scope.isOpen = false;
      await this.#connection.run('COMMIT', []);
      return result;
    } catch (error) {
      scope.isOpen = false;
      // Where BEGIN has failed there is nothing to take back.
      await this.#connection.run('ROLLBACK', []).catch(() => undefined);
      throw error;
    } finally {
      end();
    }
  }
}
