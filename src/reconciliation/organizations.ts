// Which accounts an admin key speaks for: those of its organization, as far as anybody knows whose they are.
import type { Secret } from '../core/secret.ts';

/** What is known of an account. */
export interface KnownAccount {
  readonly id: string;
  readonly adminKey: Secret | undefined;
  /** The names that its organization goes by: set by hand, or told by the upstream. */
  readonly organizations: readonly string[];
}

/** An admin key, and the accounts that its books tell of. */
export interface Organization {
  readonly adminKey: Secret;
  /** The account that has the key; null where it was given for once. */
  readonly keyHolder: string | null;
  readonly accounts: readonly string[];
}

/** Accounts by admin key, and those that no key speaks for. A key that several accounts have is asked once. */
export function organizationsOf(accounts: readonly KnownAccount[]): {
  readonly organizations: readonly Organization[];
  readonly others: readonly string[];
} {
  const groups: { names: Set<string>; keys: Set<string>; organization: Organization; ids: string[] }[] = [];
  for (const { id, adminKey, organizations } of accounts) {
    if (adminKey === undefined) continue;
    const known = groups.find(
      ({ names, keys }) => keys.has(adminKey.reveal()) || organizations.some((name) => names.has(name)),
    );
    if (known === undefined) {
      const ids = [id];
      groups.push({
        names: new Set(organizations),
        keys: new Set([adminKey.reveal()]),
        organization: { adminKey, keyHolder: id, accounts: ids },
        ids,
      });
      continue;
    }
    known.ids.push(id);
    known.keys.add(adminKey.reveal());
    for (const name of organizations) known.names.add(name);
  }
  const others: string[] = [];
  for (const { id, adminKey, organizations } of accounts) {
    if (adminKey !== undefined) continue;
    const group = groups.find(({ names }) => organizations.some((name) => names.has(name)));
    (group?.ids ?? others).push(id);
  }
  return { organizations: groups.map(({ organization }) => organization), others };
}
