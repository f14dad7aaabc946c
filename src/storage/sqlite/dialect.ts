// Kysely's way to the embedded database: one connection, one transaction at a time.
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { StorageError } from '../storage.ts';
import type { StatementRunner } from './statements.ts';
import type { Turns } from './turns.ts';

/** A Kysely dialect over an open connection. */
export function sqliteDialect(connection: StatementRunner, turns: Turns): Dialect {
  return {
    // There is one connection, and our own turns see to it. Kysely's would make a transaction wait for itself.
    createAdapter: () => {
      const adapter = new SqliteAdapter();
      Object.defineProperty(adapter, 'supportsMultipleConnections', { value: true });
      return adapter;
    },
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createDriver: () => new OneConnectionDriver(connection, turns),
  };
}

class OneConnectionDriver implements Driver {
  readonly #connection: StatementRunner;
  readonly #turns: Turns;
  readonly #ends = new WeakMap<DatabaseConnection, () => void>();

  constructor(connection: StatementRunner, turns: Turns) {
    this.#connection = connection;
    this.#turns = turns;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const end = await this.#turns.take();
    const turn = new Turn(this.#connection);
    this.#ends.set(turn, end);
    return turn;
  }

  async releaseConnection(turn: DatabaseConnection): Promise<void> {
    this.#ends.get(turn)?.();
  }

  async beginTransaction(turn: DatabaseConnection, { accessMode }: TransactionSettings): Promise<void> {
    if (this.#turns.isInside) return;
    // Who only reads keeps nobody from writing.
    await turn.executeQuery(CompiledQuery.raw(accessMode === 'read only' ? 'BEGIN' : 'BEGIN IMMEDIATE'));
  }

  async commitTransaction(turn: DatabaseConnection): Promise<void> {
    if (!this.#turns.isInside) await turn.executeQuery(CompiledQuery.raw('COMMIT'));
  }

  async rollbackTransaction(turn: DatabaseConnection): Promise<void> {
    if (this.#turns.isInside) this.#turns.fail(new StorageError('a part of the transaction failed'));
    else await turn.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  async destroy(): Promise<void> {}
}

/** The connection for as long as it is one caller's turn. */
class Turn implements DatabaseConnection {
  readonly #connection: StatementRunner;

  constructor(connection: StatementRunner) {
    this.#connection = connection;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, changes } = await this.#connection.run(sql, parameters);
    return { rows: (rows ?? []) as Row[], numAffectedRows: BigInt(changes ?? 0) };
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('the embedded database does not stream');
  }
}
