// The pool: every account at work. It offers who may serve now, or says why nobody can and until when.
import type { Account } from '../core/account.ts';
import type { Configuration } from '../core/configuration.ts';
import type { Failure, FailureKind } from '../core/failure.ts';
import type { QuotaOwner, QuotaReading } from '../core/quota.ts';
import { activeBench, benchAfter, type Bench } from './bench.ts';
import { QuotaGroups } from './groups.ts';
import { ownText } from '../lib/own-text.ts';
import { Lease, type LeaseListener } from './lease.ts';
import { Member } from './member.ts';
import { Reasons } from './reason.ts';
import type { RestScope } from './rest.ts';
import { isMeantFor, isThrottled, judge, judgeAll, type Candidate, type Wish } from './select.ts';
import { Turns } from './turns.ts';

/** Places in turns that are remembered, over all models; and for so many models at least. */
const turnsKept = 100_000;
const fewestKept = 16;

/** Nobody can serve now. */
export interface Exhausted {
  readonly candidates: readonly Candidate[];
  /**
   * When the first of those can that are only throttled or busy, in ms since the epoch; undefined where there are none.
   * What is refused or broken is not waited for.
   */
  readonly freeAtMs: number | undefined;
}

/** Who is to serve. */
export interface Choice {
  readonly candidate: Candidate;
  /** How many accounts of its priority there are for the model. */
  readonly peers: number;
  readonly turns: Turns;
}

/** Who tells other gateways what happens in this pool. Called on the way of every request, so it must be quick. */
export interface PoolTeller extends Pick<LeaseListener, 'onTaken' | 'onReading' | 'onRest' | 'parties'> {
  /** It has become known who owns the account's quota. */
  onOwner(member: Member): void;
  /** All rests of the account, and of what shares its quota, have been lifted. */
  onLifted(member: Member): void;
}

/** All members with their live state. */
export class Pool implements LeaseListener {
  #members: readonly Member[] = [];
  readonly #byId = new Map<string, Member>();
  readonly #groups = new QuotaGroups();
  readonly #listeners = new Set<() => void>();
  #teller: PoolTeller | undefined;
  /** Model → provider → whose turn it is. To put both names together for one map would cost as much as the rest of a choice. */
  readonly #turns = new Map<string, Map<string, Turns>>();
  #turnCount = 0;
  readonly #reasons = new Reasons();
  readonly #onBenched: (account: Account, bench: Bench) => void;

  /** `onBenched` hears of each account that begins to rest as a whole, once, for what this gateway itself has met. */
  constructor(onBenched: (account: Account, bench: Bench) => void = () => {}) {
    this.#onBenched = onBenched;
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Attempts under way. */
  get inFlight(): number {
    return this.#members.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  /** Takes over a configuration; live state stays with the account's id. */
  apply(configuration: Pick<Configuration, 'accounts'>): void {
    const ids = new Set(configuration.accounts.map((account) => account.id));
    for (const id of this.#byId.keys()) if (!ids.has(id)) this.#byId.delete(id);
    this.#members = configuration.accounts.map((account) => {
      const known = this.#byId.get(account.id);
      known?.apply(account);
      const member = known ?? new Member(account, this.#groups.groupFor(account, {}));
      member.group = this.#groups.groupFor(account, member.owner, member.group);
      this.#byId.set(account.id, member);
      return member;
    });
    this.#groups.recount(this.#members);
    this.#turns.clear();
    this.#turnCount = 0;
    this.onChange();
  }

  member(accountId: string): Member | undefined {
    return this.#byId.get(accountId);
  }

  get parties(): number {
    return this.#teller?.parties ?? 1;
  }

  /** From now on it is told what happens here. */
  tellBy(teller: PoolTeller): void {
    this.#teller = teller;
  }

  /** Lifts every bench of the account, and closes its circuits, here and elsewhere. */
  unbench(accountId: string): void {
    const member = this.#byId.get(accountId);
    if (member === undefined) return;
    member.unbench();
    this.#teller?.onLifted(member);
    this.onChange();
  }

  /** Every account of the wish's provider, judged. */
  judge(wish: Wish, nowMs: number): Candidate[] {
    return judgeAll(this.#members, wish, nowMs, this.parties);
  }

  /** The eligible in the order in which a new request would try them. */
  orderOf(wish: Wish, candidates: readonly Candidate[]): Candidate[] {
    const byMember = new Map(candidates.map((candidate) => [candidate.member, candidate]));
    return this.#turnsFor(wish, 0)
      .order()
      .flatMap((member) => byMember.get(member) ?? [])
      .filter(({ obstacles }) => obstacles.length === 0);
  }

  /** Who is to serve the wish: those that it has not tried come first. Undefined where nobody can now. */
  choose(wish: Wish, nowMs: number, random: number): Choice | undefined {
    const turns = this.#turnsFor(wish, random);
    const eligible = (member: Member): Candidate | undefined => {
      const candidate = judge(member, wish, nowMs, this.parties);
      return candidate.obstacles.length === 0 ? candidate : undefined;
    };
    const untried = (member: Member): Candidate | undefined =>
      wish.tried.includes(member.account.id) ? undefined : eligible(member);
    const isFirst = wish.tried.length === 0;
    const found = (isFirst ? undefined : turns.first(untried)) ?? turns.first(eligible);
    return found && { candidate: found.value, peers: found.peers, turns };
  }

  /** Why nobody can serve, and until when. */
  exhausted(wish: Wish, nowMs: number): Exhausted {
    const candidates = this.judge(wish, nowMs);
    return { candidates, freeAtMs: earliest(candidates) };
  }

  /** Takes whoever is to serve the wish, or says why there is nobody. `random` is 0 ≤ random < 1. */
  acquire(wish: Wish, nowMs: number, random: number): Lease | Exhausted {
    const choice = this.choose(wish, nowMs, random);
    return choice === undefined ? this.exhausted(wish, nowMs) : this.take(choice, wish, nowMs, random);
  }

  /** Takes whom `choose` has just chosen. */
  take(choice: Choice, wish: Wish, nowMs: number, random: number): Lease {
    const { member, score } = choice.candidate;
    choice.turns.took(member, score, random);
    const because = this.#reason(choice, wish.tried);
    return new Lease(member, wish.model, wish.tokens, because, nowMs, this);
  }

  /** Calls `listener` whenever something may have become free; the answer takes it back. */
  onFree(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onChange(): void {
    for (const listener of this.#listeners) listener();
  }

  onOwner(member: Member, owner: QuotaOwner): void {
    // The first word stays: one organization has two names, a short one in headers and an id in the text of errors.
    const { organization = owner.organization, project = owner.project } = member.owner;
    if (member.owner.organization === organization && member.owner.project === project) return;
    member.owner = { ...owned(owner), ...member.owner };
    this.#teller?.onOwner(member);
    const group = this.#groups.groupFor(member.account, member.owner, member.group);
    if (group === member.group) return;
    member.group = group;
    this.#groups.recount(this.#members);
  }

  onOrganizationFailed(failed: Member, failure: Failure, nowMs: number): void {
    const { organization } = failed.owner;
    // The hand-set organization or group tells as much as the upstream's own word.
    const isSame = (member: Member): boolean =>
      member === failed ||
      (member.account.providerId === failed.account.providerId &&
        (member.group === failed.group || (organization !== undefined && member.owner.organization === organization)));
    for (const member of this.#members) {
      if (!isSame(member)) continue;
      const after = benchAfter(member.bench, failure, nowMs);
      if (after === member.bench) continue;
      member.bench = after;
      this.onRest(member, 'account', '', nowMs);
    }
  }

  onOrganizationLimited(failed: Member, model: string, failure: Failure, nowMs: number): void {
    const { account, owner, group } = failed;
    // Who puts accounts into groups by hand knows better whose limit it is than a name in a sentence.
    if (owner.organization === undefined || account.quotaGroup !== null) return;
    const rested = new Set([group]);
    for (const member of this.#members) {
      const isSame =
        member.account.providerId === account.providerId && member.owner.organization === owner.organization;
      if (!isSame || member.account.quotaGroup !== null || rested.has(member.group)) continue;
      rested.add(member.group);
      const quota = member.group.quota(model);
      const after = benchAfter(quota.bench, failure, nowMs);
      if (after === quota.bench) continue;
      quota.bench = after;
      this.onRest(member, 'quota_group_model', model, nowMs);
    }
  }

  onTaken(member: Member, model: string, requests: number, tokens: number): void {
    this.#teller?.onTaken(member, model, requests, tokens);
  }

  onReading(member: Member, model: string, reading: QuotaReading, sentAtMs: number): void {
    this.#teller?.onReading(member, model, reading, sentAtMs);
  }

  onRest(member: Member, scope: RestScope, model: string, nowMs: number): void {
    const { account, bench } = member;
    // One that only got longer is no news.
    if (scope === 'account' && bench?.sinceMs === nowMs) this.#onBenched(account, bench);
    this.#teller?.onRest(member, scope, model, nowMs);
  }

  /** The accounts that rest as a whole, and why. */
  benched(nowMs: number): { readonly account: Account; readonly kind: FailureKind }[] {
    return this.#members.flatMap(({ account, bench }) => {
      const active = account.isActive ? activeBench(bench, nowMs) : undefined;
      return active === undefined ? [] : [{ account, kind: active.kind }];
    });
  }

  /** When accounts were last used, account id → ms since the epoch, for those used since the last call. */
  takeUses(): Map<string, number> {
    const uses = new Map<string, number>();
    for (const member of this.#members) {
      if (member.lastUsedAtMs > 0) uses.set(member.account.id, member.lastUsedAtMs);
      member.lastUsedAtMs = 0;
    }
    return uses;
  }

  #turnsFor(wish: Wish, random: number): Turns {
    const { providerId, model } = wish;
    const known = this.#turns.get(model)?.get(providerId);
    if (known !== undefined) return known;
    this.#forgetTurns();
    const meant = this.#members.filter((member) => isMeantFor(member, wish));
    const made = new Turns(meant, random);
    const byProvider = this.#turns.get(model) ?? new Map<string, Turns>();
    this.#turns.set(model, byProvider.set(providerId, made));
    this.#turnCount += 1;
    return made;
  }

  /** Why an account was chosen, as the ledger tells it. */
  #reason({ candidate, peers, turns }: Choice, tried: readonly string[]): string {
    const { member, score } = candidate;
    const choice = turns.size === 1 ? 'only account for the model' : this.#reasons.of(score, peers);
    if (tried.length === 0) return choice;
    return tried.includes(member.account.id) ? `${choice}, tried again` : `${choice}, not tried yet`;
  }

  /** Makes room for one more: model names come from clients. */
  #forgetTurns(): void {
    const mostKept = Math.max(turnsKept / (this.#members.length + 1), fewestKept);
    if (this.#turnCount < mostKept) return;
    for (const [model, byProvider] of this.#turns) {
      this.#turns.delete(model);
      this.#turnCount -= byProvider.size;
      return;
    }
  }
}

/** In texts of their own: those of a header keep the head of an answer in memory. */
function owned({ organization, project }: QuotaOwner): QuotaOwner {
  return {
    ...(organization === undefined ? {} : { organization: ownText(organization) }),
    ...(project === undefined ? {} : { project: ownText(project) }),
  };
}

function earliest(candidates: readonly Candidate[]): number | undefined {
  const times = candidates.flatMap((candidate) => (isThrottled(candidate) ? [candidate.freeAtMs] : []));
  return times.length === 0 ? undefined : Math.min(...times);
}
