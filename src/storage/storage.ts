// What the gateway keeps in its database, as interfaces: SQLite and PostgreSQL implement them.
import type { Cost, PricedCall, RepriceRange, RepriceReport } from '../core/price.ts';
import type { LedgerReports } from './ledger-reports.ts';
import type { TranscriptStore } from './transcripts.ts';

/** Who speaks to this API, and how to reach it. */
export interface ProviderRow {
  readonly id: string;
  readonly name: string;
  readonly base_url: string;
  readonly auth_type: string;
  readonly auth_strategy: string;
  readonly supported_models: readonly string[];
  readonly is_active: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

/** A credential at a provider; `auth_data` is sealed by the vault, `auth_hint` is what may be shown of it. */
export interface AccountRow {
  readonly id: string;
  readonly provider_id: string;
  readonly label: string;
  readonly auth_data: string;
  readonly auth_hint: Readonly<Record<string, string>>;
  readonly is_active: boolean;
  readonly weight: number;
  readonly priority: number;
  readonly quota_group: string | null;
  readonly allowed_models: readonly string[];
  readonly limits: Readonly<Record<string, unknown>>;
  readonly organization: string | null;
  readonly project: string | null;
  /** ISO 8601, UTC. */
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_used_at: string | null;
}

/** A user's own rule: model pattern → provider. */
export interface RouteRow {
  readonly id: string;
  readonly pattern: string;
  readonly provider_id: string;
  readonly model: string | null;
  readonly fallbacks: readonly unknown[];
}

/** What a million tokens of one kind cost, in whole nano-dollars; null where that is not known. */
type RateColumn = number | null;

/** A price of the administrator's own: what a model costs in one tier from a moment on. */
export interface PriceRow {
  readonly id: string;
  readonly model: string;
  /** The one provider that it is for; null: all. */
  readonly provider_id: string | null;
  readonly tier: string;
  /** ISO 8601, UTC. */
  readonly effective_from: string;
  readonly input_nano_usd: RateColumn;
  readonly cached_input_nano_usd: RateColumn;
  readonly cache_write_nano_usd: RateColumn;
  readonly output_nano_usd: RateColumn;
  readonly audio_input_nano_usd: RateColumn;
  readonly audio_output_nano_usd: RateColumn;
  /** The prompt's tokens above which the `long_` rates hold for the whole request; null: never. */
  readonly long_over_tokens: number | null;
  readonly long_input_nano_usd: RateColumn;
  readonly long_cached_input_nano_usd: RateColumn;
  readonly long_cache_write_nano_usd: RateColumn;
  readonly long_output_nano_usd: RateColumn;
  readonly long_audio_input_nano_usd: RateColumn;
  readonly long_audio_output_nano_usd: RateColumn;
  readonly note: string | null;
  readonly created_at: string;
}

/** A client's key: of the key itself there is only the SHA-256, in hexadecimal. Times are ISO 8601, UTC. */
export interface ClientKeyRow {
  readonly id: string;
  readonly name: string;
  /** The beginning of the key, by which its owner knows it again. */
  readonly prefix: string;
  readonly key_hash: string;
  /** The key before the last rotation, and until when it is good. */
  readonly previous_key_hash: string | null;
  readonly previous_until: string | null;
  readonly models: readonly string[];
  readonly rpm: number | null;
  readonly tpm: number | null;
  readonly max_concurrency: number | null;
  readonly budget_nano_usd: number | null;
  readonly budget_period: 'day' | 'week' | 'month' | 'none';
  readonly budget_time_zone: string;
  readonly limits_mode: 'enforce' | 'shadow';
  readonly budget_mode: 'enforce' | 'shadow';
  readonly allows_unpriced: boolean;
  /** Whether what is asked with it and answered is kept, see transcripts.ts. */
  readonly keeps_transcripts: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly expires_at: string | null;
  readonly is_active: boolean;
  readonly revoked_at: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_used_at: string | null;
}

/** The last change of one client key: its row as it is now, or why there is none. */
export interface ClientKeyChange {
  /** Grows with every change of any key. */
  readonly revision: number;
  readonly id: string;
  readonly row: ClientKeyRow | undefined;
  /** Where the row is there and cannot be read: why, in one sentence. */
  readonly problem: string | undefined;
}

/** A row of this id (or another unique value) exists already. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** The database cannot be opened or used; the message says which and what to do. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
}

/** Who only looks at a database finds the schema of an older version, or none, and leaves it so. */
export class OldSchemaError extends Error {
  override readonly name = 'OldSchemaError';

  constructor(database: string, isEmpty = false) {
    super(
      isEmpty
        ? `the database ${database} has no tables of aigateway yet; the first start makes them, or "aigateway db migrate"`
        : `the database ${database} has the schema of an older version; the next start brings it up to date, or "aigateway db migrate"`,
    );
  }
}

/** One table of resources that have an `id`. */
export interface ResourceStore<Row extends { readonly id: string }> {
  /** Rows in order of id, those after `afterId` when it is given. */
  list(limit: number, afterId?: string): Promise<Row[]>;
  get(id: string): Promise<Row | undefined>;
  /** Throws a `ConflictError` where the id is taken. */
  insert(row: Row): Promise<void>;
  /** Changes the given columns; false where there is no such row. */
  update(id: string, change: Partial<Omit<Row, 'id'>>): Promise<boolean>;
  /** False where there is no such row. */
  remove(id: string): Promise<boolean>;
}

/** The client keys: many, so what changed is read and not the whole. */
export interface ClientKeyStore extends ResourceStore<ClientKeyRow> {
  /** The keys that changed after a revision, each once, by their last change; after 0: all there are and were. */
  changesAfter(revision: number, limit: number): Promise<ClientKeyChange[]>;
  /** The revision of the last change; 0 where there was none. */
  latestRevision(): Promise<number>;
  /** Notes when keys were last used: key id → ISO 8601 time. Does not count as a change. */
  noteUse(usedAt: ReadonlyMap<string, string>): Promise<void>;
}

/** All that the configuration is made of, read at one moment. */
export interface ConfigurationRows {
  readonly revision: number;
  readonly providers: readonly ProviderRow[];
  readonly accounts: readonly AccountRow[];
  readonly routes: readonly RouteRow[];
  readonly prices: readonly PriceRow[];
  /** Rows that could not be read, a sentence each. */
  readonly problems: readonly string[];
}

/** A change of the configuration as the audit log keeps it; secrets only masked. */
export interface AuditRow {
  /** Grows with every entry. */
  readonly id: number;
  /** ISO 8601, UTC. */
  readonly created_at: string;
  /** Who made it. */
  readonly actor: string;
  /** The address it came from; null where there is none. */
  readonly peer: string | null;
  readonly method: string | null;
  readonly path: string | null;
  /** What was changed: the name of its list in the API, and its id. */
  readonly resource: string;
  readonly resource_id: string | null;
  /** Null where it was not there. */
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
  readonly request_id: string | null;
}

/** Which entries of the audit log are meant; `from` is within, `to` is not (both as `created_at`). */
export interface AuditFilter {
  readonly resource?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** The sealed credentials of the accounts alone: whatever else a row holds, and whether or not that can be read. */
export interface SealedCredentials {
  /** In order of account id, those after `afterId` when it is given. */
  list(limit: number, afterId?: string): Promise<{ readonly id: string; readonly sealed: string }[]>;
  /** Puts `after` in the place of `before`; false where that is not there any more. */
  replace(id: string, before: string, after: string): Promise<boolean>;
}

/** The audit log: entries are added and read, never changed. */
export interface AuditStore {
  add(entry: Omit<AuditRow, 'id'>): Promise<void>;
  /** Adds entries and moves notes on, all in one go; false, and nothing is done, where a note does not read `before` any more. */
  addAll(
    entries: readonly Omit<AuditRow, 'id'>[],
    notes: readonly { readonly name: string; readonly before: string; readonly after: string }[],
  ): Promise<boolean>;
  /** The newest first, those older than the entry `beforeId` when it is given. */
  list(filter: AuditFilter, limit: number, beforeId?: number): Promise<AuditRow[]>;
}

/** The database. Every call rejects with a `StorageError` where the database does not answer. */
export interface Storage {
  readonly providers: ResourceStore<ProviderRow>;
  readonly accounts: ResourceStore<AccountRow>;
  readonly routes: ResourceStore<RouteRow>;
  readonly prices: ResourceStore<PriceRow>;
  readonly clientKeys: ClientKeyStore;
  readonly sealedCredentials: SealedCredentials;
  readonly audit: AuditStore;
  readonly transcripts: TranscriptStore;
  /** What the ledger says. */
  readonly reports: LedgerReports;
  /**
   * Runs `work` in one transaction: all that it asks of this storage is done together, or, where it throws, not at all.
   * Everybody else waits meanwhile, so it must be short. One within another is a part of it.
   */
  transaction<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Resolves when all that was changed so far is on the disk for good, whatever happens to the power. */
  flush(): Promise<void>;
  /** How often `revision` should be asked, ms. */
  readonly pollEveryMs: number;
  /** Calls `hear` when the database tells of a change, so that nobody waits for the next question; the answer ends it. */
  onChange(hear: () => void): () => void;
  /** Counts the changes of the configuration, those made by other programs too. */
  revision(): Promise<number>;
  readConfiguration(): Promise<ConfigurationRows>;
  /** Notes when accounts were last used: account id → ISO 8601 time. Does not count as a change. */
  noteUse(usedAt: ReadonlyMap<string, string>): Promise<void>;
  /**
   * Prices requests of the past again, the finished ones in a range: writes the new costs to their attempts, to the
   * requests and to the sums of usage, a batch in a transaction. A dry run only counts.
   */
  reprice(
    range: RepriceRange,
    cost: (call: PricedCall) => Cost | null,
    options: { readonly isDryRun: boolean },
  ): Promise<RepriceReport>;
  /** A small text kept under a name, or undefined. */
  readNote(name: string): Promise<string | undefined>;
  /** Keeps a text under a name unless one is kept already; answers the one that is. */
  keepNote(name: string, text: string): Promise<string>;
  /** Keeps a text under a name in place of the one before. */
  writeNote(name: string, text: string): Promise<void>;
  close(): Promise<void>;
}
