// Kysely's way to the embedded database: on each connection one transaction at a time.
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

/** An open connection, and who may use it when. */
export interface Side {
  readonly connection: StatementRunner;
  readonly turns: Turns;
}

/** A Kysely dialect over open connections: `pick` says for each query, or transaction as a whole, which one. */
export function sqliteDialect(pick: () => Side): Dialect {
  return {
    // Our own turns see to it that a connection has one user. Kysely's would make a transaction wait for itself.
    createAdapter: () => {
      const adapter = new SqliteAdapter();
      Object.defineProperty(adapter, 'supportsMultipleConnections', { value: true });
      return adapter;
    },
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createIntrospector: (database) => new SqliteIntrospector(database),
    createDriver: () => new TurnsDriver(pick),
  };
}

class TurnsDriver implements Driver {
  readonly #pick: () => Side;
  readonly #taken = new WeakMap<DatabaseConnection, { readonly turns: Turns; readonly end: () => void }>();

  constructor(pick: () => Side) {
    this.#pick = pick;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const { connection, turns } = this.#pick();
    const end = await turns.take();
    const turn = new Turn(connection);
    this.#taken.set(turn, { turns, end });
    return turn;
  }

  async releaseConnection(turn: DatabaseConnection): Promise<void> {
    this.#taken.get(turn)?.end();
  }

  async beginTransaction(turn: DatabaseConnection, { accessMode }: TransactionSettings): Promise<void> {
    if (this.#isInside(turn)) return;
    // Who only reads keeps nobody from writing.
    await turn.executeQuery(CompiledQuery.raw(accessMode === 'read only' ? 'BEGIN' : 'BEGIN IMMEDIATE'));
  }

  async commitTransaction(turn: DatabaseConnection): Promise<void> {
    if (!this.#isInside(turn)) await turn.executeQuery(CompiledQuery.raw('COMMIT'));
  }

  async rollbackTransaction(turn: DatabaseConnection): Promise<void> {
    if (this.#isInside(turn)) this.#taken.get(turn)?.turns.fail(new StorageError('a part of the transaction failed'));
    else await turn.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  async destroy(): Promise<void> {}

  #isInside(turn: DatabaseConnection): boolean {
    return this.#taken.get(turn)?.turns.isInside === true;
  }
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
