// Kysely's way to PostgreSQL: a query goes over the connection of the transaction it belongs to, or over one of the pool.
import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { StorageError } from '../storage.ts';
import type { PostgresPool, PostgresTurn } from './pool.ts';
import type { Transactions } from './transactions.ts';

/** A Kysely dialect over a pool. */
export function postgresDialect(pool: PostgresPool, transactions: Transactions): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (database) => new PostgresIntrospector(database),
    createDriver: () => new PoolDriver(pool, transactions),
  };
}

class PoolDriver implements Driver {
  readonly #pool: PostgresPool;
  readonly #transactions: Transactions;

  constructor(pool: PostgresPool, transactions: Transactions) {
    this.#pool = pool;
    this.#transactions = transactions;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<TurnConnection> {
    const { turn } = this.#transactions;
    return turn === undefined
      ? new TurnConnection(await this.#pool.take(), 'own')
      : new TurnConnection(turn, "the transaction's");
  }

  async releaseConnection({ turn, kind }: TurnConnection): Promise<void> {
    if (kind === 'own') turn.end();
  }

  async beginTransaction({ turn, kind }: TurnConnection, settings: TransactionSettings): Promise<void> {
    if (kind !== 'own') return;
    const { isolationLevel, accessMode = 'read write' } = settings;
    await turn.run(`BEGIN ${isolationLevel === undefined ? '' : `ISOLATION LEVEL ${isolationLevel} `}${accessMode}`);
  }

  async commitTransaction({ turn, kind }: TurnConnection): Promise<void> {
    if (kind === 'own') await turn.run('COMMIT');
  }

  async rollbackTransaction({ turn, kind }: TurnConnection): Promise<void> {
    if (kind === 'own') await turn.rollBack();
    else this.#transactions.fail(new StorageError('a part of the transaction failed'));
  }

  async destroy(): Promise<void> {}
}

class TurnConnection implements DatabaseConnection {
  readonly turn: PostgresTurn;
  readonly kind: 'own' | "the transaction's";

  constructor(turn: PostgresTurn, kind: TurnConnection['kind']) {
    this.turn = turn;
    this.kind = kind;
  }

  async executeQuery<Row>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<Row>> {
    // A refused change must not spoil the transaction: its caller may look why, and say it.
    const isGuarded = this.kind !== 'own' && query.kind !== 'SelectQueryNode';
    const { rows, changes } = await (isGuarded
      ? this.turn.runGuarded(sql, parameters)
      : this.turn.run(sql, parameters));
    return { rows: rows as Row[], numAffectedRows: BigInt(changes) };
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('nothing here is streamed from PostgreSQL');
  }
}
