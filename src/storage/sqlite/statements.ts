// Runs statements on an open database file and keeps them prepared for the next time.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** A statement with its parameters. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** What a statement has brought. */
export interface StatementResult {
  readonly rows: readonly Record<string, unknown>[];
  readonly changes: number;
}

/** What runs statements, here or in another thread. */
export interface StatementRunner {
  run(sql: string, parameters: readonly unknown[]): Promise<Partial<StatementResult>>;
  /** Runs the statements as one transaction; false, and nothing is done, where one of them changes nothing. */
  runBatch(batch: readonly Statement[]): Promise<boolean>;
}

const statementsKept = 200;

/** The statements of one database; every call blocks its thread. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #kept = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  run(sql: string, parameters: readonly unknown[]): StatementResult {
    const statement = this.#prepare(sql);
    const bound = parameters.map(bindable);
    if (statement.columns().length > 0) return { rows: statement.all(...bound), changes: 0 };
    return { rows: [], changes: Number(statement.run(...bound).changes) };
  }

  /** One transaction in one go; undone, and 0, where a statement changes nothing. */
  runBatch(batch: readonly Statement[]): number {
    let changes = 0;
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const { sql, parameters } of batch) {
        const changed = Number(this.#prepare(sql).run(...parameters.map(bindable)).changes);
        if (changed === 0) {
          this.#database.exec('ROLLBACK');
          return 0;
        }
        changes += changed;
      }
      this.#database.exec('COMMIT');
      return changes;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #prepare(sql: string): StatementSync {
    const kept = this.#kept.get(sql);
    if (kept !== undefined) return kept;
    if (this.#kept.size >= statementsKept) this.#kept.clear();
    const statement = this.#database.prepare(sql);
    this.#kept.set(sql, statement);
    return statement;
  }
}

/** SQLite has no booleans. */
function bindable(value: unknown): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : (value as SQLInputValue);
}
