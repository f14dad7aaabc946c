// SQL as text, the same for every database: for what a gateway at work asks, so that it needs no query builder in its memory.

/** Rows, and how many the statement changed. */
export interface PlainResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly changes: number;
}

/** Runs a statement in which each `?` stands for the next of the parameters. No text in it may hold another `?`. */
export type Run = (sql: string, ...parameters: readonly (string | number)[]) => Promise<PlainResult>;

/** The statement as PostgreSQL has it: with `$1`, `$2` and so on. */
export function numbered(sql: string): string {
  let n = 0;
  return sql.replaceAll('?', () => {
    n += 1;
    return `$${n}`;
  });
}
