// An account: a credential at a provider.
import type { Secret } from './secret.ts';

/** Limits set by hand: they hold beside those that the upstream tells. */
export interface AccountLimits {
  readonly rpm?: number | null | undefined;
  readonly tpm?: number | null | undefined;
  readonly max_concurrency?: number | null | undefined;
}

/** A credential at a provider, ready to use. */
export interface Account {
  readonly id: string;
  readonly providerId: string;
  readonly label: string;
  /** The API key or token. */
  readonly credential: Secret;
  /** Headers that carry the credential upstream. */
  readonly authHeaders: (credential: Secret) => readonly [name: string, value: string][];
  /** Changes whenever the credential does: benches for a bad key end with it. */
  readonly credentialVersion: string;
  readonly isActive: boolean;
  /** Share of the traffic, relative to the others; 0 drains. */
  readonly weight: number;
  /** Higher tiers are used up first. */
  readonly priority: number;
  readonly quotaGroup: string | null;
  /** Models it may serve (`*` wildcards); empty: all. */
  readonly allowedModels: readonly string[];
  /** Limits set by hand: requests and tokens a minute, calls at once; null or absent: none. */
  readonly limits: AccountLimits;
  readonly organization: string | null;
  readonly project: string | null;
}

/** Whether both are the same to an upstream: what it said of the one holds for the other. */
export function isSameToUpstream(a: Account, b: Account): boolean {
  if (a === b) return true;
  return (
    a.credentialVersion === b.credentialVersion &&
    a.providerId === b.providerId &&
    a.organization === b.organization &&
    a.project === b.project
  );
}
