// A few connections to PostgreSQL: opened when needed, taken in turn, and none of their users waits for ever.
import pg from 'pg';
import { StorageError } from '../storage.ts';
import { tlsOptions, type PostgresAddress } from './address.ts';
import { connectError, isReadOnly, statementError } from './problems.ts';

/** How a pool differs from others. */
export interface PoolOptions {
  /** How many connections there are at most. */
  readonly size: number;
  /** Shown in the server's list of its clients (`pg_stat_activity`). */
  readonly name: string;
  /** How long one statement may take. */
  readonly statementLimitMs: number;
  /** Is sent on every new connection. */
  readonly greeting?: string;
  /** Hears what the server says by itself on the channels that the greeting listens to. */
  readonly onNotification?: () => void;
}

/** Rows, and how many the statement changed. */
export interface StatementResult {
  readonly rows: readonly Record<string, unknown>[];
  readonly changes: number;
}

/** How long a caller waits for a connection, its making included. */
const connectLimitMs = 3000;

/** After a connection could not be made, callers hear so at once for this long, instead of each waiting for the limit. */
const restAfterFailureMs = 500;

/** The server ends a statement by itself this much earlier than the caller gives it up, so that it hears why. */
const serverLeadMs = 500;

/** A server that is away does not say goodbye. */
const goodbyeLimitMs = 500;

const idleBeforeProbeMs = 10_000;

/** A transaction whose gateway is gone keeps its locks no longer than this. */
const idleInTransactionLimitMs = 10_000;

/** Object ids of the types that are numbers here (pg_type.dat): PostgreSQL's integers, floats, and sums of integers. */
const numbers: readonly number[] = [20, 21, 23, 26, 700, 701, 1700];
const boolean = 16;

const asText = (text: string): unknown => text;
const asNumber = (text: string): unknown => Number(text);
const asBoolean = (text: string): unknown => text === 't';

const types = {
  getTypeParser: (type: number) => (numbers.includes(type) ? asNumber : type === boolean ? asBoolean : asText),
};

/** Connections to one server. */
export class PostgresPool {
  readonly address: PostgresAddress;
  readonly #options: PoolOptions;
  readonly #pool: pg.Pool;
  #failure: { readonly error: StorageError; readonly untilMs: number } | undefined;
  #isClosed = false;
  /** Connections that the server may still have. */
  #open = 0;
  #onLastGone = (): void => {};

  constructor(address: PostgresAddress, options: PoolOptions) {
    this.address = address;
    this.#options = options;
    this.#pool = new pg.Pool({
      host: address.host,
      port: address.port,
      user: address.user,
      database: address.database,
      // As a function, so that no object that might be printed holds it, and no file is searched for one.
      password: () => address.password?.reveal() as string,
      ssl: tlsOptions(address),
      enableChannelBinding: address.bindsChannel,
      ...(address.options !== undefined && { options: address.options }),
      application_name: options.name,
      max: options.size,
      min: 1,
      idleTimeoutMillis: 10_000,
      connectionTimeoutMillis: connectLimitMs,
      statement_timeout: Math.max(options.statementLimitMs - serverLeadMs, 1),
      idle_in_transaction_session_timeout: idleInTransactionLimitMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: idleBeforeProbeMs,
      allowExitOnIdle: true,
      types,
      // The pool waits for the promise (pg-pool 3.14), though its types do not say so.
      // oxlint-disable-next-line no-misused-promises
      onConnect: (client) => this.#greet(client),
    });
    // An idle connection that breaks is made anew by the next who needs one.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', () => {
      this.#open += 1;
    });
    this.#pool.on('remove', () => {
      this.#open -= 1;
      if (this.#open === 0) this.#onLastGone();
    });
  }

  /** A connection for this caller alone until its `end()`; rejects with a `StorageError` where none is to be had. */
  async take(): Promise<PostgresTurn> {
    if (this.#isClosed) throw new StorageError('the database is closed');
    if (this.#failure !== undefined && performance.now() < this.#failure.untilMs) throw this.#failure.error;
    try {
      const client = await this.#pool.connect();
      this.#failure = undefined;
      return new PostgresTurn(client, this.address, this.#options.statementLimitMs);
    } catch (error) {
      const failure = connectError(explainTimeout(error, this.address), this.address);
      this.#failure = { error: failure, untilMs: performance.now() + restAfterFailureMs };
      throw failure;
    }
  }

  /** One statement on a connection of its own. */
  async run(sql: string, parameters: readonly unknown[] = []): Promise<StatementResult> {
    const turn = await this.take();
    try {
      return await turn.run(sql, parameters);
    } finally {
      turn.end();
    }
  }

  /** Several statements in one transaction. */
  async inTransaction<Result>(work: (turn: PostgresTurn) => Promise<Result>): Promise<Result> {
    const turn = await this.take();
    try {
      await turn.run('BEGIN');
      const result = await work(turn);
      await turn.run('COMMIT');
      return result;
    } catch (error) {
      await turn.rollBack();
      throw error;
    } finally {
      turn.end();
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The server needs a moment to end a connection; where few are allowed the next one must find its place free.
    const { promise: allGone, resolve } = Promise.withResolvers<void>();
    this.#onLastGone = resolve;
    await this.#pool.end();
    if (this.#open === 0) return;
    // This timer is all that keeps a thread alive whose connections are idle.
    const timer = setTimeout(resolve, goodbyeLimitMs);
    await allGone;
    clearTimeout(timer);
  }

  async #greet(client: pg.ClientBase): Promise<void> {
    const { greeting, onNotification } = this.#options;
    if (onNotification !== undefined) client.on('notification', onNotification);
    if (greeting === undefined) return;
    await query(client, this.address, greeting, [], connectLimitMs);
    // What was said before we listened is lost: ask once.
    onNotification?.();
  }
}

/** The words of the driver and its pool for a limit that has passed → ours. */
function explainTimeout(error: unknown, { shown }: PostgresAddress): unknown {
  const { message, code } = error as { message: string; code?: unknown };
  if (code !== undefined || !message.includes('timeout')) return error;
  return new StorageError(
    message.includes('exceeded')
      ? `the database ${shown} is busy: every connection to it waits for an answer, none became free within ${connectLimitMs} ms`
      : `the database ${shown} does not answer: no connection within ${connectLimitMs} ms`,
  );
}

/** A connection for as long as it is one caller's turn. */
export class PostgresTurn {
  readonly #client: pg.PoolClient;
  readonly #address: PostgresAddress;
  readonly #limitMs: number;
  #isLost = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: pg.PoolClient, address: PostgresAddress, limitMs: number) {
    this.#client = client;
    this.#address = address;
    this.#limitMs = limitMs;
    client.on('error', this.#onError);
  }

  /** Rejects with a `ConflictError` or a `StorageError`; a connection that is silent for longer than the limit is given up. */
  async run(sql: string, parameters: readonly unknown[] = [], limitMs = this.#limitMs): Promise<StatementResult> {
    const before = this.#last;
    const answer = before.then(() => query(this.#client, this.#address, sql, parameters, limitMs));
    // What several ask at once, as parts of one transaction may, is answered one after the other.
    this.#last = answer.catch((error: unknown) => {
      if (isReadOnly(error)) this.#isLost = true;
    });
    return answer;
  }

  /** The same within a transaction, which goes on where the statement is refused. */
  async runGuarded(sql: string, parameters: readonly unknown[]): Promise<StatementResult> {
    await this.run('SAVEPOINT before_statement');
    try {
      const result = await this.run(sql, parameters);
      await this.run('RELEASE SAVEPOINT before_statement');
      return result;
    } catch (error) {
      await this.run('ROLLBACK TO SAVEPOINT before_statement').catch(() => undefined);
      throw error;
    }
  }

  /** Takes back what the transaction did; where that fails the server does it, when it finds the connection gone. */
  async rollBack(): Promise<void> {
    await this.run('ROLLBACK').catch(() => {
      this.#isLost = true;
    });
  }

  /** Gives the connection back. */
  end(): void {
    this.#client.off('error', this.#onError);
    this.#client.release(this.#isLost);
  }

  readonly #onError = (): void => {
    this.#isLost = true;
  };
}

async function query(
  client: pg.ClientBase,
  address: PostgresAddress,
  sql: string,
  parameters: readonly unknown[],
  limitMs: number,
): Promise<StatementResult> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new StorageError(`the database ${address.shown} does not answer: silent for ${limitMs} ms`));
    // The driver cuts a connection on which a statement is under way; it is not given to anybody again.
    void (client as pg.Client).end();
  }, limitMs);
  try {
    const result = await Promise.race([client.query(sql, parameters.map(storable)), late]);
    return { rows: result.rows as Record<string, unknown>[], changes: result.rowCount ?? 0 };
  } catch (error) {
    throw statementError(error, address);
  } finally {
    clearTimeout(timer);
  }
}

/** PostgreSQL's texts have no NUL. */
function storable(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
}
