// Which accounts share a quota: as set by hand, else as their answers tell, else each for itself.
import type { Account } from '../core/account.ts';
import type { QuotaOwner } from '../core/quota.ts';
import type { Member } from './member.ts';
import { ownGroupId, QuotaGroup, type HandLimits } from './quota-group.ts';

/** The group of an account: set by hand, found, or its own. */
export function groupIdOf({ providerId, quotaGroup, id }: Account, owner: QuotaOwner): string {
  if (quotaGroup !== null) return quotaGroup;
  if (owner.organization !== undefined)
    return [providerId, owner.organization, owner.project ?? ''].filter((part) => part !== '').join('/');
  return ownGroupId(id);
}

function handLimits({ limits }: Account): HandLimits {
  return { rpm: limits.rpm ?? null, tpm: limits.tpm ?? null };
}

/** All quota groups, by provider and id. */
export class QuotaGroups {
  readonly #groups = new Map<string, QuotaGroup>();

  /** The group that the account belongs to, made where it is new. `current` hands on what it knows where it was the account's own. */
  groupFor(account: Account, owner: QuotaOwner, current?: QuotaGroup): QuotaGroup {
    const id = groupIdOf(account, owner);
    const key = `${account.providerId} ${id}`;
    const limits = handLimits(account);
    const known = this.#groups.get(key);
    if (known !== undefined) {
      // In a shared group the limits set by hand at the account that founded it count.
      if (known.founderId === account.id) known.setLimits(limits);
      return known;
    }
    const heir = current !== undefined && current.sharedId === null ? current : undefined;
    const group = new QuotaGroup(id, account.id, limits, heir);
    this.#groups.set(key, group);
    return group;
  }

  /** Counts anew who shares what, and forgets groups without members. */
  recount(members: readonly Member[]): void {
    for (const group of this.#groups.values()) group.sharers = 0;
    /** Each with its founder, or the first of its members where that is gone. */
    const used = new Map<QuotaGroup, Account>();
    for (const { account, group } of members) {
      if (!used.has(group) || group.founderId === account.id) used.set(group, account);
      if (account.isActive && account.weight > 0) group.sharers += 1;
    }
    for (const [group, account] of used)
      if (group.founderId !== account.id) group.passTo(account.id, handLimits(account));
    for (const [key, group] of this.#groups) if (!used.has(group)) this.#groups.delete(key);
  }
}
