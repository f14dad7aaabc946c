// A client key between its row and what the API says of it.
import { randomBytes } from 'node:crypto';
import { clientKeyBytes, clientKeyText, digestOf, shownPart } from '../core/client-key-text.ts';
import { GatewayError } from '../core/errors.ts';
import { writeUsd } from '../core/money.ts';
import type { ClientKeyRow } from '../storage/storage.ts';
import type { KeyAnswer, KeyChange, NewKey } from './contract/key.ts';

/** A key just made: its text, for its owner and nobody else, and the columns that are kept of it. */
export interface MadeKey {
  readonly text: string;
  readonly columns: Pick<ClientKeyRow, 'prefix' | 'key_hash'>;
}

/** Makes a key that nobody can guess. */
export function makeKey(): MadeKey {
  const text = clientKeyText(randomBytes(clientKeyBytes));
  return { text, columns: { prefix: shownPart(text), key_hash: digestOf(text) } };
}

/** The row of a new key. */
export function newRow(id: string, { budget, ...body }: NewKey, made: MadeKey, nowMs: number): ClientKeyRow {
  if (body.expires_at !== null && Date.parse(body.expires_at) <= nowMs) {
    throw new GatewayError('invalid_request', 'expires_at must lie in the future.', { param: 'expires_at' });
  }
  const now = new Date(nowMs).toISOString();
  return {
    ...body,
    ...made.columns,
    id,
    previous_key_hash: null,
    previous_until: null,
    budget_nano_usd: budget === null ? null : budget.amount,
    budget_period: budget?.period ?? 'none',
    budget_time_zone: budget?.time_zone ?? 'UTC',
    expires_at: inUtc(body.expires_at),
    revoked_at: null,
    created_at: now,
    updated_at: now,
    last_used_at: null,
  };
}

/** The columns that a change gives new values. */
export function changedColumns(
  before: ClientKeyRow,
  { budget, expires_at: expiresAt, ...change }: Omit<KeyChange, 'id'>,
): Partial<ClientKeyRow> {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  return {
    ...given,
    ...(expiresAt !== undefined && { expires_at: inUtc(expiresAt) }),
    ...(budget !== undefined && budgetColumns(before, budget)),
  };
}

function budgetColumns(before: ClientKeyRow, budget: NonNullable<KeyChange['budget']> | null): Partial<ClientKeyRow> {
  if (budget === null) return { budget_nano_usd: null, budget_period: 'none', budget_time_zone: 'UTC' };
  const { amount, period, time_zone: timeZone } = budget;
  if (amount === undefined && before.budget_nano_usd === null) {
    throw new GatewayError('invalid_request', 'budget.amount is required: the key has no budget yet.', {
      param: 'budget.amount',
    });
  }
  return {
    ...(amount !== undefined && { budget_nano_usd: amount }),
    ...(period !== undefined && { budget_period: period }),
    ...(timeZone !== undefined && { budget_time_zone: timeZone }),
  };
}

/** A time with any offset as the database has it. */
function inUtc(time: string | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** The answer for a row: without its hashes. `usedAtMs`: a use that the row does not tell of yet. */
export function presentKey(row: ClientKeyRow, nowMs: number, usedAtMs?: number): KeyAnswer {
  const { previous_until: until } = row;
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    models: [...row.models],
    rpm: row.rpm,
    tpm: row.tpm,
    max_concurrency: row.max_concurrency,
    budget:
      row.budget_nano_usd === null
        ? null
        : { amount: writeUsd(row.budget_nano_usd), period: row.budget_period, time_zone: row.budget_time_zone },
    limits_mode: row.limits_mode,
    budget_mode: row.budget_mode,
    allows_unpriced: row.allows_unpriced,
    keeps_transcripts: row.keeps_transcripts,
    metadata: { ...row.metadata },
    expires_at: row.expires_at,
    is_active: row.is_active,
    previous_key_until: until !== null && Date.parse(until) > nowMs ? until : null,
    revoked_at: row.revoked_at,
    created_at: row.created_at,
    updated_at: row.updated_at,
    last_used_at: usedAtMs === undefined ? row.last_used_at : new Date(usedAtMs).toISOString(),
  };
}
