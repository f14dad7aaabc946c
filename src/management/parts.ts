// What the management API stands on, handed to it by the composition root.
import type { ClientKeyWatch } from '../configuration/client-key-watch.ts';
import type { ConfigurationWatch } from '../configuration/watch.ts';
import type { Account } from '../core/account.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Explanation } from '../core/explanation.ts';
import type { Provider } from '../core/provider.ts';
import type { Secret } from '../core/secret.ts';
import type { Settings } from '../core/settings.ts';
import type { Clock } from '../lib/clock.ts';
import type { FailureMeter } from '../lib/failure-meter.ts';
import type { Pool } from '../pool/pool.ts';
import type { Storage } from '../storage/storage.ts';
import type { AskedBooks } from '../upstream/books.ts';
import type { ProbeResult } from '../upstream/probe.ts';
import type { Vault } from '../vault/vault.ts';
import type { AuditTrail } from './audit-trail.ts';
import type { LedgerAccess } from './ledger-access.ts';

/** Where log lines go. */
export interface ManagementLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a probe needs to know of an account. */
export type ProbedAccount = Pick<Account, 'authHeaders' | 'organization' | 'project'>;

/** What the management API works with. */
export interface ManagementParts {
  readonly storage: Storage;
  readonly trail: AuditTrail;
  readonly vault: Vault;
  readonly configuration: ConfigurationWatch;
  readonly clientKeys: ClientKeyWatch;
  /** When client keys were last used, in ms since the epoch, by id: what their rows do not say yet. */
  readonly keyUses: Pick<ReadonlyMap<string, number>, 'get'>;
  /** Requests with a key or token that opens nothing, by whom they came from. */
  readonly failedKeys: FailureMeter;
  readonly pool: Pool;
  /** Tries a credential at a provider without a paid call. */
  readonly probe: (provider: Provider, account: ProbedAccount, credential: Secret) => Promise<ProbeResult>;
  /** Asks a provider for a page of its own books; the path stands below the provider's own. */
  readonly askBooks: (provider: Provider, adminKey: Secret, path: string) => Promise<AskedBooks>;
  /** Where the request with this body would go, and why; throws the error that it would get. */
  readonly explain: (body: Uint8Array) => Explanation;
  readonly ledger: LedgerAccess;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: ManagementLog;
}

/** A request of a client as it came. */
export interface Call extends Exchange {
  /** Path and query. */
  readonly target: string;
}

/** What each request carries through the application. */
export interface Env {
  Bindings: { readonly call: Call };
  Variables: { requestId: string };
}
