// How the workers of one supervisor divide the limits of a key: what the script does in Redis, in the supervisor's memory.
import { contestMs, goneAtOnce, goneMs, shareMs, windowMs, type MoneyWish, type Wish } from '../redis/share-script.ts';
import type { WrittenAmount } from '../redis/written-spending.ts';

/** What one worker has of one key. */
interface Share {
  readonly endsAtMs: number;
  /** When it last lacked something. */
  readonly shortAtMs: number;
  readonly requests: number;
  readonly tokens: number;
  readonly places: number;
}

interface HeldMoney {
  readonly nanoUsd: number;
  readonly seenAtMs: number;
}

/** The money of one key in one period. */
interface Money {
  /** Undefined: nobody has told yet what was spent before. */
  spentNanoUsd: number | undefined;
  /** When the ledger was read for that; undefined where it was not. */
  readAtMs: number | undefined;
  /** The revision of the newest budget that was asked by. */
  inForceSince: number | undefined;
  /** When somebody asked last. */
  askedAtMs: number;
  /** What each has told that it spent in all. */
  readonly own: Map<string, number>;
  readonly held: Map<string, HeldMoney>;
}

interface Question {
  readonly me: string;
  readonly nowMs: number;
  readonly gateways: number;
  isShort: boolean;
}

/** Money that nobody has asked about for so long is forgotten, as Redis forgets it later: who asks then asks the ledger, too. */
const moneyKeptMs = 86_400_000;

/** The shares of all keys. */
export class ShareBook {
  readonly #shares = new Map<string, Map<string, Share>>();
  readonly #money = new Map<string, Money>();

  /** One question: the keys and values of the script, and its answer. `nowMs` where the values name no time. */
  divide(keys: readonly string[], values: readonly string[], nowMs: number): (number | string)[] {
    const [sharesKey = '', moneyKey] = keys;
    const question: Question = {
      me: values[0] ?? '',
      nowMs: numberOf(values[1]) ?? nowMs,
      gateways: numberOf(values[2]) ?? 1,
      isShort: false,
    };
    const lines = entryOf(this.#shares, sharesKey, () => new Map<string, Share>());
    const wishes = [3, 9, 15].map((from) => wishAt(values, from));
    const others = this.#others(lines, question);
    const grants = wishes.map((wish, i) => divide(wish, others.amounts[i] ?? 0, question));
    const answer: (number | string)[] = grants.flatMap((grant, i) => [grant, others.amounts[i] ?? 0]);
    answer.push(Number(others.isContested));
    answer.push(...(moneyKey === undefined ? [0] : this.#divideMoney(moneyKey, values, question)));
    const [requests = 0, tokens = 0, places = 0] = grants;
    const shortAtMs = question.isShort ? question.nowMs : others.shortAtMs;
    lines.set(question.me, { endsAtMs: question.nowMs + shareMs, shortAtMs, requests, tokens, places });
    return answer;
  }

  /** Books what a worker that is gone had spent and not told, and frees what it held; 0 where there is nothing to be booked. */
  bury(keys: readonly string[], values: readonly string[], serverNowMs: number): number {
    const [gone = '', givenMs, spent] = values;
    const money = this.#money.get(keys[0] ?? '');
    const held = money?.held.get(gone);
    const nowMs = numberOf(givenMs) ?? serverNowMs;
    if (money?.spentNanoUsd === undefined || held === undefined || nowMs - held.seenAtMs < goneMs) return 0;
    money.spentNanoUsd += Math.max(Number(spent) - (money.own.get(gone) ?? 0), 0);
    money.held.delete(gone);
    money.own.delete(gone);
    return 1;
  }

  /** Forgets keys that nobody has a share of any more, and money that nobody asks about. */
  tidy(nowMs: number): void {
    for (const [key, lines] of this.#shares)
      if ([...lines.values()].every(({ endsAtMs }) => endsAtMs + 2 * windowMs <= nowMs)) this.#shares.delete(key);
    for (const [key, { askedAtMs }] of this.#money) if (askedAtMs + moneyKeptMs <= nowMs) this.#money.delete(key);
  }

  /** What all others have; who has been silent for too long is forgotten. */
  #others(lines: Map<string, Share>, { me, nowMs }: Question) {
    const amounts: [requests: number, tokens: number, places: number] = [0, 0, 0];
    let isContested = false;
    for (const [owner, share] of lines) {
      if (owner === me) continue;
      if (share.endsAtMs + windowMs <= nowMs) {
        lines.delete(owner);
        continue;
      }
      amounts[0] += share.requests;
      amounts[1] += share.tokens;
      if (share.endsAtMs > nowMs) amounts[2] += share.places;
      isContested ||= nowMs - share.shortAtMs < contestMs;
    }
    return { amounts, isContested, shortAtMs: lines.get(me)?.shortAtMs ?? 0 };
  }

  #divideMoney(key: string, values: readonly string[], question: Question): (number | string)[] {
    const { me, nowMs } = question;
    const wish = moneyWishAt(values, 21);
    const money = entryOf(this.#money, key, emptyMoney);
    money.askedAtMs = nowMs;
    let told = wish.toldNanoUsd;
    if (money.spentNanoUsd === undefined && wish.ledger !== undefined) {
      money.spentNanoUsd = wish.ledger.spentNanoUsd;
      told = wish.ledger.ownNanoUsd;
      money.readAtMs = Math.round(nowMs - wish.ledger.ageMs);
    } else if (wish.inForceSince !== undefined && wish.inForceSince > (money.inForceSince ?? Infinity)) {
      // Under another budget, or none, nobody may have told what was spent.
      if (wish.ledger === undefined) return [0];
      if (wish.ledger.spentNanoUsd > (money.spentNanoUsd ?? 0)) {
        money.spentNanoUsd = wish.ledger.spentNanoUsd;
        money.own.set(me, wish.ledger.ownNanoUsd);
      }
    }
    // Another has told what the ledger says since this worker was last heard: what the ledger had then is told already.
    for (const { nanoUsd, ageMs } of wish.written)
      if (money.readAtMs !== undefined && nowMs - ageMs <= money.readAtMs) told = Math.max(told, nanoUsd);
    if (money.spentNanoUsd === undefined) return [0];
    if (wish.inForceSince !== undefined)
      money.inForceSince = Math.max(wish.inForceSince, money.inForceSince ?? wish.inForceSince);
    money.spentNanoUsd += wish.ownNanoUsd - (money.own.get(me) ?? told);
    let fresh = 0;
    let gone = 0;
    const names: string[] = [];
    for (const [owner, { nanoUsd, seenAtMs }] of money.held) {
      if (owner === me) continue;
      if (nowMs - seenAtMs < goneMs) fresh += nanoUsd;
      else if (nanoUsd > 0) {
        gone += nanoUsd;
        if (names.length < goneAtOnce) names.push(owner);
      } else {
        money.held.delete(owner);
        money.own.delete(owner);
      }
    }
    const nanoUsd = divide(wish, money.spentNanoUsd + gone + fresh, question);
    money.own.set(me, wish.ownNanoUsd);
    money.held.set(me, { nanoUsd, seenAtMs: nowMs });
    return [1, money.spentNanoUsd + gone, nanoUsd, fresh, ...names];
  }
}

function emptyMoney(): Money {
  return {
    spentNanoUsd: undefined,
    readAtMs: undefined,
    inForceSince: undefined,
    askedAtMs: 0,
    own: new Map(),
    held: new Map(),
  };
}

/** The part that a worker is given of a limit of which the others have so much. */
function divide(wish: Wish, others: number, question: Question): number {
  const { limit, used, need, least, extra, held } = wish;
  if (limit === null) return used;
  const free = limit - others;
  const want = used + need;
  if (want > free) {
    if (need > 0) question.isShort = true;
    if (need > 0 && used + least <= free) return Math.max(used, free);
    return Math.max(used, Math.min(held, free));
  }
  const spare = Math.max(0, Math.floor((free - want) / (4 * question.gateways)));
  return Math.min(Math.max(want + Math.min(extra, spare), Math.min(held, want + extra)), free);
}

function wishAt(values: readonly string[], from: number): Wish {
  const at = (i: number): number => numberOf(values[from + i]) ?? 0;
  const limit = numberOf(values[from]) ?? null;
  return { limit, used: at(1), need: at(2), least: at(3), extra: at(4), held: at(5) };
}

function moneyWishAt(values: readonly string[], from: number): MoneyWish {
  const at = (i: number): number | undefined => numberOf(values[from + i]);
  const spentNanoUsd = at(8);
  const written: WrittenAmount[] = [];
  for (let i = 12; from + i < values.length; i += 2) written.push({ nanoUsd: at(i) ?? 0, ageMs: at(i + 1) ?? 0 });
  return {
    ...wishAt(values, from),
    ownNanoUsd: at(6) ?? 0,
    toldNanoUsd: at(7) ?? 0,
    ledger: spentNanoUsd === undefined ? undefined : { spentNanoUsd, ownNanoUsd: at(9) ?? 0, ageMs: at(10) ?? 0 },
    inForceSince: at(11),
    written,
  };
}

/** An empty text stands for what is not there. */
function numberOf(text: string | undefined): number | undefined {
  return text === undefined || text === '' ? undefined : Number(text);
}

function entryOf<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
