// The client keys in memory, found by the digest of their text, and brought up to date one change at a time.
import { timingSafeEqual } from 'node:crypto';
import { digestOf, hasKeyForm } from '../core/client-key-text.ts';
import type { Budget, ClientKey, KnownKey } from '../core/client-key.ts';
import { isTimeZone } from '../core/time-zone.ts';
import type { ClientKeyChange, ClientKeyRow } from '../storage/storage.ts';

interface Entry extends KnownKey {
  /** The digest in hexadecimal: the half that leads to the entry, and the half that is compared. */
  readonly place: string;
  readonly proof: string;
}

const halfLength = 32;

/** All keys; looking one up costs the same however many there are. */
export class ClientKeyIndex {
  readonly #entries = new Map<string, Entry>();
  /** Key id → where its entries are; none where its row cannot be read. */
  readonly #places = new Map<string, readonly string[]>();
  readonly #timeZones = new Map<string, boolean>();
  /** What `find` writes into, so that it need not make a buffer each time, nor keep four objects for each key. */
  readonly #asked = Buffer.alloc(halfLength);
  readonly #proof = Buffer.alloc(halfLength);

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  /** The Map is led by bytes that a guesser cannot choose, and the other half of the digest is compared in constant time. */
  find(text: string): KnownKey | undefined {
    if (!hasKeyForm(text)) return undefined;
    const digest = digestOf(text);
    const entry = this.#entries.get(digest.slice(0, halfLength));
    if (entry === undefined) return undefined;
    this.#asked.write(digest.slice(halfLength), 'latin1');
    const isWhole = this.#proof.write(entry.proof, 'latin1') === halfLength;
    return isWhole && timingSafeEqual(this.#proof, this.#asked) ? entry : undefined;
  }

  /** Takes a change over. Where the row cannot be used, says why in one sentence: its key opens nothing then. */
  apply({ id, revision, row, problem }: ClientKeyChange): string | undefined {
    const before = this.#entries.get(this.#places.get(id)?.[0] ?? '')?.key.budget ?? null;
    this.#remove(id);
    if (row === undefined && problem === undefined) return undefined;
    const found = problem ?? this.#problemOf(row);
    const entries =
      row === undefined || found !== undefined ? [] : entriesOf(row, readClientKey(row, revision, before));
    this.#places.set(
      id,
      entries.map(({ place }) => place),
    );
    for (const entry of entries) this.#entries.set(entry.place, entry);
    return found;
  }

  #remove(id: string): void {
    for (const place of this.#places.get(id) ?? []) {
      if (this.#entries.get(place)?.key.id === id) this.#entries.delete(place);
    }
    this.#places.delete(id);
  }

  #problemOf(row: ClientKeyRow | undefined): string | undefined {
    if (row === undefined || row.budget_nano_usd === null) return undefined;
    const zone = row.budget_time_zone;
    // Asking is slow, and most keys have the zone of the one before.
    const isKnown = this.#timeZones.get(zone) ?? isTimeZone(zone);
    this.#timeZones.set(zone, isKnown);
    return isKnown ? undefined : `client key "${row.id}" has an unknown budget_time_zone "${zone}"`;
  }
}

/** The entry of the key's text and, after a rotation, that of the text before. */
function entriesOf(row: ClientKeyRow, key: ClientKey): Entry[] {
  const isActive = row.is_active && row.revoked_at === null;
  const entry = (hash: string, replacedAtMs: number | null): Entry => ({
    key,
    isActive,
    replacedAtMs,
    place: hash.slice(0, halfLength),
    proof: hash.slice(halfLength),
  });
  const current = entry(row.key_hash, null);
  if (row.previous_key_hash === null) return [current];
  return [entry(row.previous_key_hash, timeOf(row.previous_until) ?? 0), current];
}

/** `before`: the budget that the key had until this revision. */
function readClientKey(row: ClientKeyRow, revision: number, before: Budget | null): ClientKey {
  return {
    id: row.id,
    name: row.name,
    models: row.models,
    rpm: row.rpm,
    tpm: row.tpm,
    maxConcurrency: row.max_concurrency,
    budget: readBudget(row, revision, before),
    limitsMode: row.limits_mode,
    budgetMode: row.budget_mode,
    allowsUnpriced: row.allows_unpriced,
    keepsTranscripts: row.keeps_transcripts,
    expiresAtMs: timeOf(row.expires_at),
  };
}

function readBudget(row: ClientKeyRow, revision: number, before: Budget | null): Budget | null {
  const { budget_nano_usd: amountNanoUsd, budget_period: period, budget_time_zone: timeZone } = row;
  if (amountNanoUsd === null) return null;
  const isSame = before !== null && before.period === period && before.timeZone === timeZone;
  return { amountNanoUsd, period, timeZone, inForceSince: isSame ? before.inForceSince : revision };
}

/** A time that cannot be read has passed already: what it ends shall not go on for ever. */
function timeOf(text: string | null): number | null {
  if (text === null) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? 0 : ms;
}
