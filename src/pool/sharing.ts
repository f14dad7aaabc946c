// The pool of this gateway and those of the others as one: each tells what it sends, learns and benches, and hears the others.
import type { QuotaReading } from '../core/quota.ts';
import type { Clock } from '../lib/clock.ts';
import type { PoolExchange } from '../shared-state/pool-exchange.ts';
import type { Member } from './member.ts';
import { QuotaDrafts, readNews, readRest, type News, type QuotaNews } from './news.ts';
import type { Pool, PoolTeller } from './pool.ts';
import { adoptRest, beginOf, credentialMark, endOf, restOf, restsOf, type Rest, type RestScope } from './rest.ts';

/** What happens to quotas is told together this often: one message, however many requests there were. */
const quotasEveryMs = 100;
/** Rests are told at once, but not more often than this where many fail together. */
const restsEveryMs = 20;
/** How soon a rest is known that was told while nobody heard it. */
const rereadEveryMs = 1000;
const earlyKept = 1000;

/** What the sharing is made of. */
export interface SharingParts {
  readonly pool: Pool;
  readonly exchange: PoolExchange;
  readonly clock: Clock;
}

/** The sharing at work. */
export class PoolSharing implements PoolTeller {
  readonly #pool: Pool;
  readonly #exchange: PoolExchange;
  readonly #clock: Clock;
  readonly #quotas = new QuotaDrafts();
  /** By name, so that of the same rest the last word counts. */
  #rests = new Map<string, Rest>();
  #owners = new Map<string, Member>();
  #lifted = new Set<string>();
  /** Rests of accounts, or of credentials, that this gateway does not have yet: a change may be slower than the news. */
  readonly #early = new Map<string, Rest>();
  /** Accounts whose rests were lifted while nobody could be told, and when: what began before is lifted afterwards, too. */
  readonly #unheardLifts = new Map<string, number>();
  /** How the names of rests begin that were lifted, as long as an answer is under way that may still have them. */
  #liftedMeanwhile: string[] = [];
  #rereads = 0;
  #restsToldAtMs = Number.NEGATIVE_INFINITY;
  #quotaTimer: (() => void) | undefined;
  #restTimer: (() => void) | undefined;
  #cancelReread = (): void => {};
  #isOver = false;
  /** What is being taken over from others is not told again. */
  #isHearing = false;
  readonly #stopListening: readonly (() => void)[];

  private constructor({ pool, exchange, clock }: SharingParts) {
    this.#pool = pool;
    this.#exchange = exchange;
    this.#clock = clock;
    this.#stopListening = [exchange.onTold((text) => this.#hear(text)), exchange.onReturn(() => this.#comeBack())];
    pool.tellBy(this);
  }

  /** Learns what rests already, and goes on sharing. */
  static async begin(parts: SharingParts): Promise<PoolSharing> {
    const sharing = new PoolSharing(parts);
    await sharing.#reread();
    return sharing;
  }

  get parties(): number {
    return this.#exchange.isAway ? this.#exchange.gateways : 1;
  }

  onTaken({ account }: Member, model: string, requests: number, tokens: number): void {
    this.#quotas.took(account.id, model, requests, tokens);
    this.#tellQuotasSoon();
  }

  onReading({ account }: Member, model: string, reading: QuotaReading, sentAtMs: number): void {
    this.#quotas.read(account.id, model, reading, sentAtMs);
    this.#tellQuotasSoon();
  }

  onRest(member: Member, scope: RestScope, model: string, nowMs: number): void {
    const rest = restOf(member, scope, model, nowMs);
    if (rest === undefined) return;
    this.#rests.set(nameOf(rest), rest);
    this.#tellRestsSoon();
  }

  onOwner(member: Member): void {
    if (this.#isHearing) return;
    this.#owners.set(member.account.id, member);
    this.#tellRestsSoon();
  }

  onLifted(member: Member): void {
    if (this.#exchange.isAway) this.#unheardLifts.set(member.account.id, this.#clock.nowMs());
    this.#dropRests(member);
    this.#forgetEarly(member.account.id);
    this.#tellLifted(member);
  }

  stop(): void {
    this.#isOver = true;
    for (const stop of this.#stopListening) stop();
    this.#quotaTimer?.();
    this.#restTimer?.();
    this.#cancelReread();
    this.#tell();
  }

  #tellLifted(member: Member): void {
    this.#lifted.add(member.account.id);
    this.#exchange.forget(this.#namesOf(member));
    this.#tellRestsSoon();
  }

  /** What is to be told, or is being asked for, no longer holds. */
  #dropRests(member: Member): void {
    const names = this.#namesOf(member);
    if (this.#rereads > 0) this.#liftedMeanwhile.push(...names);
    for (const name of this.#rests.keys()) if (names.some((begin) => name.startsWith(begin))) this.#rests.delete(name);
  }

  /** How the names of all rests begin that are lifted with this account's. */
  #namesOf({ account, group }: Member): string[] {
    const sharers = this.#pool.members.filter((other) => other.group === group);
    return [`${account.id} `, ...sharers.map((other) => `${other.account.id} quota_group_model `)];
  }

  #tellQuotasSoon(): void {
    this.#quotaTimer ??= this.#clock.after(quotasEveryMs, () => this.#tell());
  }

  #tellRestsSoon(): void {
    const waitMs = this.#restsToldAtMs + restsEveryMs - this.#clock.nowMs();
    this.#restTimer ??= this.#clock.after(Math.max(waitMs, 0), () => {
      this.#restsToldAtMs = this.#clock.nowMs();
      this.#tell();
    });
  }

  /** Tells all there is. While the others cannot be told it is lost: the next word of the upstream says it all. */
  #tell(): void {
    this.#quotaTimer?.();
    this.#restTimer?.();
    this.#quotaTimer = undefined;
    this.#restTimer = undefined;
    const rests = [...this.#rests.values()];
    const owners = [...this.#owners.values()].map(({ account, owner }) => ({ accountId: account.id, owner }));
    const lifted = [...this.#lifted];
    const quotas = this.#quotas.take(this.#clock.nowMs());
    this.#rests = new Map();
    this.#owners = new Map();
    this.#lifted = new Set();
    if (this.#exchange.isAway || rests.length + owners.length + lifted.length + quotas.length === 0) return;
    this.#exchange.tell(JSON.stringify({ quotas, rests, owners, lifted } satisfies News));
    if (rests.length > 0)
      this.#exchange.keep(
        rests.map((rest) => ({ name: nameOf(rest), text: JSON.stringify(rest), untilMs: endOf(rest) })),
      );
  }

  #hear(text: string): void {
    const news = readNews(text);
    if (news === undefined) return;
    const nowMs = this.#clock.nowMs();
    this.#isHearing = true;
    for (const { accountId, owner } of news.owners) {
      const member = this.#pool.member(accountId);
      if (member !== undefined) this.#pool.onOwner(member, owner);
    }
    for (const accountId of news.lifted) {
      const member = this.#pool.member(accountId);
      member?.unbench();
      if (member !== undefined) this.#dropRests(member);
      this.#forgetEarly(accountId);
    }
    for (const rest of news.rests) this.#adopt(rest, nowMs);
    for (const quota of news.quotas) this.#count(quota, nowMs);
    this.#isHearing = false;
    this.#pool.onChange();
  }

  #adopt(rest: Rest, nowMs: number): void {
    const member = this.#pool.member(rest.accountId);
    if (member !== undefined && credentialMark(member) === rest.credential) {
      const lifted = this.#lifterOf(member, rest);
      if (lifted === undefined) adoptRest(member, rest, nowMs);
      else this.#liftAgain(lifted, nowMs);
    } else if (this.#early.size < earlyKept) this.#early.set(nameOf(rest), rest);
  }

  /** With whose rests this one was lifted, though the one who tells of it has not heard. */
  #lifterOf(member: Member, rest: Rest): Member | undefined {
    if (this.#unheardLifts.size === 0) return undefined;
    const isMeant = (other: Member): boolean =>
      other === member || (rest.scope === 'quota_group_model' && other.group === member.group);
    return this.#pool.members.find(
      (other) => isMeant(other) && beginOf(rest) <= (this.#unheardLifts.get(other.account.id) ?? -Infinity),
    );
  }

  /** What has come since goes with it, for it is forgotten too. */
  #liftAgain(member: Member, nowMs: number): void {
    this.#tellLifted(member);
    for (const other of this.#pool.members)
      if (other.group === member.group) for (const rest of restsOf(other, nowMs)) this.#rests.set(nameOf(rest), rest);
  }

  #adoptEarly(nowMs: number): void {
    const rests = [...this.#early.values()];
    this.#early.clear();
    for (const rest of rests) if (endOf(rest) > nowMs) this.#adopt(rest, nowMs);
  }

  #forgetEarly(accountId: string): void {
    for (const [name, rest] of this.#early) if (rest.accountId === accountId) this.#early.delete(name);
  }

  /** Ages, not times, are told of quotas: what another's clock says does not matter. */
  #count({ accountId, model, requests, tokens, word }: QuotaNews, nowMs: number): void {
    const member = this.#pool.member(accountId);
    if (member === undefined) return;
    const quota = member.group.quota(model);
    if (requests !== 0) quota.requests.take(requests, nowMs);
    if (tokens !== 0) quota.tokens.take(tokens, nowMs);
    if (word !== null) member.group.learn(model, word, nowMs - word.ageMs, nowMs);
  }

  async #reread(): Promise<void> {
    const already = this.#liftedMeanwhile.length;
    this.#rereads += 1;
    const texts = this.#exchange.isAway ? undefined : await this.#exchange.kept();
    this.#rereads -= 1;
    const lifted = this.#liftedMeanwhile.slice(already);
    if (this.#rereads === 0) this.#liftedMeanwhile = [];
    const nowMs = this.#clock.nowMs();
    this.#adoptEarly(nowMs);
    for (const text of texts ?? []) {
      const rest = readRest(text);
      if (rest === undefined || lifted.some((begin) => nameOf(rest).startsWith(begin))) continue;
      this.#adopt(rest, nowMs);
    }
    this.#cancelReread();
    if (!this.#isOver) this.#cancelReread = this.#clock.after(rereadEveryMs, () => void this.#reread());
  }

  /** After an outage the others may have missed our rests, and a server that was started anew keeps none. */
  #comeBack(): void {
    const nowMs = this.#clock.nowMs();
    for (const accountId of this.#unheardLifts.keys()) {
      const member = this.#pool.member(accountId);
      if (member === undefined) this.#unheardLifts.delete(accountId);
      else this.#tellLifted(member);
    }
    for (const member of this.#pool.members)
      for (const rest of restsOf(member, nowMs)) this.#rests.set(nameOf(rest), rest);
    this.#tellRestsSoon();
    void this.#reread();
  }
}

/** Begins with the account and the scope, so that all of one can be forgotten together. */
function nameOf({ accountId, scope, model }: Rest): string {
  return `${accountId} ${scope} ${model}`;
}
