// Makes a table in PostgreSQL the same as in the embedded database, piece by piece; a piece that is the same already is left alone.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { PostgresPool } from '../postgres/pool.ts';
import { keyOf, quoted, rowOf, Tally, type MovedTable, type Row } from './table.ts';

/** Rows of a piece: one transaction. A transcript may have 128 KiB. */
const usualPieceLength = 2000;
const pieceLengths: Readonly<Record<string, number>> = { transcripts: 100 };

/** What came of a table. */
export interface TableTally {
  readonly rows: number;
  /** SHA-256 of all its rows in the order of the key. */
  readonly digest: string;
}

/** A piece of a table: its rows, and where it ends; undefined where the table does. */
interface Piece {
  readonly rows: readonly Row[];
  readonly after: Row | undefined;
  readonly until: Row | undefined;
}

/** The pieces of the source, in order; the last one reaches to the end, however long the target is. */
function* piecesOf(source: DatabaseSync, table: MovedTable): Generator<Piece> {
  const { name, readFrom, columns, key } = table;
  const pieceLength = pieceLengths[name] ?? usualPieceLength;
  if (key.length === 0) {
    const rows = source.prepare(`SELECT ${quoted(columns)} FROM "${readFrom}"`).all();
    yield { rows: rows.map((row) => rowOf(table, row)), after: undefined, until: undefined };
    return;
  }
  const order = `ORDER BY ${quoted(key)} LIMIT ${pieceLength}`;
  const first = source.prepare(`SELECT ${quoted(columns)} FROM "${readFrom}" ${order}`);
  const places = key.map(() => '?').join(', ');
  const next = source.prepare(
    `SELECT ${quoted(columns)} FROM "${readFrom}" WHERE (${quoted(key)}) > (${places}) ${order}`,
  );
  for (let after: Row | undefined; ;) {
    const found = after === undefined ? first.all() : next.all(...(keyOf(table, after) as SQLInputValue[]));
    const rows = found.map((row) => rowOf(table, row));
    const last = rows.length < pieceLength ? undefined : rows.at(-1);
    yield { rows, after, until: last };
    if (last === undefined) return;
    after = last;
  }
}

/** The condition for a piece in the target, and its parameters from `$1` on. */
function within(table: MovedTable, { after, until }: Piece): { sql: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const bound = (sign: string, row: Row | undefined): string => {
    if (row === undefined) return 'true';
    const places = keyOf(table, row).map((value) => `$${parameters.push(value)}`);
    return `(${quoted(table.key)}) ${sign} (${places.join(', ')})`;
  };
  const sql = `${bound('>', after)} AND ${bound('<=', until)}`;
  return { sql, parameters };
}

async function readTarget(target: PostgresPool, table: MovedTable, piece: Piece): Promise<Row[]> {
  const { sql, parameters } = within(table, piece);
  const order = table.key.length === 0 ? '' : ` ORDER BY ${quoted(table.key)}`;
  const { rows } = await target.run(
    `SELECT ${quoted(table.columns)} FROM "${table.name}" WHERE ${sql}${order}`,
    parameters,
  );
  return rows.map((row) => rowOf(table, row));
}

function isSame(a: readonly Row[], b: readonly Row[]): boolean {
  return a.length === b.length && JSON.stringify(a) === JSON.stringify(b);
}

/** Copies what differs; `onRows` hears how many rows have been looked at. */
export async function copyTable(
  source: DatabaseSync,
  target: PostgresPool,
  table: MovedTable,
  onRows: (count: number) => void,
): Promise<void> {
  const names = quoted(table.columns);
  for (const piece of piecesOf(source, table)) {
    if (!isSame(await readTarget(target, table, piece), piece.rows)) {
      const { sql, parameters } = within(table, piece);
      const objects = piece.rows.map((row) => Object.fromEntries(table.columns.map((column, i) => [column, row[i]])));
      await target.inTransaction(async (turn) => {
        await turn.run(`DELETE FROM "${table.name}" WHERE ${sql}`, parameters);
        // What triggers have written meanwhile is what is written here, or comes again in its own turn.
        await turn.run(
          `INSERT INTO "${table.name}" (${names}) SELECT ${names} FROM json_populate_recordset(NULL::"${table.name}", $1::json)`,
          [JSON.stringify(objects)],
        );
      });
    }
    onRows(piece.rows.length);
  }
}

/** Reads a table on both sides, to its end. */
export async function compareTable(
  source: DatabaseSync,
  target: PostgresPool,
  table: MovedTable,
): Promise<{ readonly source: TableTally; readonly target: TableTally }> {
  const [here, there] = [new Tally(), new Tally()];
  for (const piece of piecesOf(source, table)) {
    for (const row of piece.rows) here.add(row);
    for (const row of await readTarget(target, table, piece)) there.add(row);
  }
  return {
    source: { rows: here.rows, digest: here.digest() },
    target: { rows: there.rows, digest: there.digest() },
  };
}
