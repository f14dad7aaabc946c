// Columns as the tables hold them and as the gateway reads them: JSON text to values, 0 and 1 to booleans, and back.
import type { AccountRow, AuditRow, ClientKeyRow, PriceRow, ProviderRow, RouteRow } from './storage.ts';
import type { TranscriptRow } from './transcripts.ts';

/** The tables as SQL sees them. */
export interface Tables {
  readonly providers: Flat<ProviderRow>;
  readonly accounts: Flat<AccountRow>;
  readonly routes: Flat<RouteRow>;
  readonly prices: Flat<PriceRow>;
  readonly client_keys: Flat<ClientKeyRow>;
  readonly transcripts: Omit<TranscriptRow, 'is_request_cut' | 'is_answer_cut'> & {
    readonly is_request_cut: boolean | number;
    readonly is_answer_cut: boolean | number;
  };
  readonly client_key_changes: { readonly revision: number; readonly key_id: string };
  readonly audit: Flat<AuditRow>;
  readonly notes: { readonly name: string; readonly content: string };
  readonly configuration_revision: { readonly revision: number };
}

/** Every column a plain value. */
export type Flat<Row> = { readonly [Column in keyof Row]: string | number | boolean | null };

type Decode = (value: unknown) => unknown;

const asBoolean: Decode = (value) => value === true || value === 1;
const asNumber: Decode = Number;

function asList(value: unknown): unknown {
  const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value;
  if (!Array.isArray(parsed)) throw new Error('is not a JSON array');
  return parsed;
}

function asTexts(value: unknown): unknown {
  const list = asList(value) as unknown[];
  if (!list.every((item) => typeof item === 'string')) throw new Error('is not a JSON array of texts');
  return list;
}

function asObject(value: unknown): unknown {
  const parsed: unknown = typeof value === 'string' ? JSON.parse(value) : value;
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new Error('is not a JSON object');
  return parsed;
}

const asOptionalObject: Decode = (value) => (value === null ? null : asObject(value));

function asOptionalCount(value: unknown): unknown {
  if (value === null) return null;
  const count = Number(value);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new Error('is not a whole number that is 0 or more');
}

const rates = ['input', 'cached_input', 'cache_write', 'output', 'audio_input', 'audio_output'];

/** The columns that are not plain text. */
const decoders: Readonly<Record<string, Decode>> = {
  is_active: asBoolean,
  allows_unpriced: asBoolean,
  keeps_transcripts: asBoolean,
  weight: asNumber,
  priority: asNumber,
  supported_models: asTexts,
  allowed_models: asTexts,
  models: asTexts,
  config: asObject,
  limits: asObject,
  metadata: asObject,
  auth_hint: asObject,
  fallbacks: asList,
  before: asOptionalObject,
  after: asOptionalObject,
  long_over_tokens: asOptionalCount,
  ...Object.fromEntries(
    rates.flatMap((rate) => [`${rate}_nano_usd`, `long_${rate}_nano_usd`]).map((column) => [column, asOptionalCount]),
  ),
};

/** A row that another program wrote in a form that cannot be read. */
export class RowError extends Error {
  override readonly name = 'RowError';
}

/** From the database; throws a `RowError` that names the column. */
export function decodeRow<Row>(flat: Readonly<Record<string, unknown>>): Row {
  const row: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(flat)) {
    try {
      row[column] = decoders[column]?.(value) ?? value;
    } catch (error) {
      throw new RowError(`${column} ${error instanceof SyntaxError ? 'is not JSON' : (error as Error).message}`);
    }
  }
  return row as Row;
}

/** For the database. */
export function encodeRow<Row>(row: Partial<Row>): Record<string, string | number | boolean | null> {
  const flat: Record<string, string | number | boolean | null> = {};
  for (const [column, value] of Object.entries(row)) {
    if (value === undefined) continue;
    flat[column] =
      typeof value === 'object' && value !== null ? JSON.stringify(value) : (value as string | number | boolean | null);
  }
  return flat;
}
