// Transactions whose work calls the storage itself: whatever it asks for, however deep, goes over the transaction's connection.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { PostgresPool, PostgresTurn } from './pool.ts';

interface Scope {
  readonly turn: PostgresTurn;
  isOpen: boolean;
  /** What went wrong in a transaction within this one: the whole must not be kept then. */
  failure: { readonly error: unknown } | undefined;
}

/**
 * Whoever changes the configuration or the client keys takes this lock first, a trigger sees to it. So a transaction of
 * ours sees no change by others between its statements, and nobody waits in a circle.
 */
const lockChanges = 'SELECT revision FROM configuration_revision FOR UPDATE';

/** Ends a batch before it has done anything. */
class NothingChanged extends Error {}

/** The transactions on a pool. */
export class Transactions {
  readonly #pool: PostgresPool;
  readonly #scope = new AsyncLocalStorage<Scope>();

  constructor(pool: PostgresPool) {
    this.#pool = pool;
  }

  /** The connection of the transaction that the caller belongs to, or undefined. */
  get turn(): PostgresTurn | undefined {
    const scope = this.#scope.getStore();
    return scope?.isOpen === true ? scope.turn : undefined;
  }

  /** Makes the transaction that the caller belongs to fail as a whole. */
  fail(error: unknown): void {
    const scope = this.#scope.getStore();
    if (scope !== undefined) scope.failure ??= { error };
  }

  /** Runs the statements as one transaction; false, and nothing is done, where one of them changes nothing. */
  async batch(
    statements: readonly { readonly sql: string; readonly parameters: readonly unknown[] }[],
  ): Promise<boolean> {
    const outer = this.turn;
    if (outer !== undefined) {
      for (const { sql, parameters } of statements) await outer.run(sql, parameters);
      return true;
    }
    try {
      await this.#pool.inTransaction(async (turn) => {
        await turn.run(lockChanges);
        for (const { sql, parameters } of statements) {
          if ((await turn.run(sql, parameters)).changes === 0) throw new NothingChanged();
        }
      });
      return true;
    } catch (error) {
      if (error instanceof NothingChanged) return false;
      throw error;
    }
  }

  /** Runs `work` in a transaction; one within another is a part of it. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.turn !== undefined) {
      return work().catch((error: unknown) => {
        this.fail(error);
        throw error;
      });
    }
    return this.#pool.inTransaction(async (turn) => {
      const scope: Scope = { turn, isOpen: true, failure: undefined };
      try {
        await turn.run(lockChanges);
        const result = await this.#scope.run(scope, work);
        if (scope.failure !== undefined) throw scope.failure.error;
        return result;
      } finally {
        scope.isOpen = false;
      }
    });
  }
}
