// The pool: every account at work. It offers who may serve now, or says why nobody can and until when.
import type { Configuration } from '../core/configuration.ts';
import type { Bench } from './bench.ts';
import { Lease } from './lease.ts';
import { Member, type Health } from './member.ts';
import { judge, order, type Candidate, type Wish } from './select.ts';

/** Nobody can serve: who could but for a bench, and when the first of them is free again. */
export interface Exhausted {
  readonly benched: readonly { readonly member: Member; readonly bench: Bench }[];
  /** When the first bench ends, in ms since the epoch; undefined where no account could ever serve. */
  readonly freeAtMs: number | undefined;
}

/** All members with their live state. */
export class Pool {
  #members: readonly Member[] = [];
  readonly #byId = new Map<string, Member>();
  #turn = 0;

  /** Takes over a configuration; live state stays with the account's id. */
  apply(configuration: Configuration): void {
    const ids = new Set(configuration.accounts.map((account) => account.id));
    for (const id of this.#byId.keys()) if (!ids.has(id)) this.#byId.delete(id);
    this.#members = configuration.accounts.map((account) => {
      const known = this.#byId.get(account.id);
      known?.apply(account);
      const member = known ?? new Member(account);
      this.#byId.set(account.id, member);
      return member;
    });
  }

  member(accountId: string): Member | undefined {
    return this.#byId.get(accountId);
  }

  /** How an account is; undefined where it is not among the members. */
  health(accountId: string, nowMs: number): Health | undefined {
    return this.#byId.get(accountId)?.health(nowMs);
  }

  /** The member that `acquire` would take now, or why there is none. */
  peek(wish: Wish, nowMs: number): Member | Exhausted {
    const candidates = this.#judge(wish, nowMs);
    return order(candidates, wish, this.#turn)[0] ?? exhausted(candidates);
  }

  /** Takes the next member in turn; throws where `peek` finds none. */
  acquire(wish: Wish, nowMs: number): Lease {
    const [member, ...others] = order(this.#judge(wish, nowMs), wish, this.#turn);
    if (member === undefined) throw new Error('nobody can serve: peek first');
    this.#turn += 1;
    member.lastUsedAtMs = nowMs;
    return new Lease(member, others.length === 0 ? 'only eligible account' : `next in turn of ${others.length + 1}`);
  }

  #judge(wish: Wish, nowMs: number): Candidate[] {
    return this.#members.map((member) => judge(member, wish, nowMs));
  }

  /** When accounts were last used, account id → ms since the epoch, for those used since the last call. */
  takeUses(): Map<string, number> {
    const uses = new Map<string, number>();
    for (const member of this.#members) {
      if (member.lastUsedAtMs !== undefined) uses.set(member.account.id, member.lastUsedAtMs);
      member.lastUsedAtMs = undefined;
    }
    return uses;
  }
}

function exhausted(candidates: readonly Candidate[]): Exhausted {
  const benched = candidates.flatMap(({ member, obstacle, bench }) =>
    obstacle === 'benched' && bench !== undefined ? [{ member, bench }] : [],
  );
  const ends = benched.map(({ bench }) => bench.untilMs);
  return { benched, freeAtMs: ends.length === 0 ? undefined : Math.min(...ends) };
}
