// Whose turn it is: the accounts that may serve one model, by priority and then by stride, in a heap for each priority.
import type { Member } from './member.ts';

/** One member's place. */
interface Turn {
  readonly member: Member;
  /** How far it has come: grows by one over its score with every pick. */
  place: number;
  /** Decides between equal places, 0 ≤ tie < 1; drawn anew with every pick. */
  tie: number;
}

/** What a visit finds. */
export interface Found<Value> {
  readonly value: Value;
  /** How many have the same priority. */
  readonly peers: number;
}

/**
 * Stride scheduling (Waldspurger, 1995): each pick moves a member ahead by one over its score, and whoever is furthest
 * behind is next, so that picks follow the scores as evenly as can be. Nobody is further behind than the last pick: who
 * comes back from a bench is not owed what it missed. A pick touches only those that come before the first one that can
 * serve, so a thousand accounts cost hardly more than one.
 */
export class Turns {
  readonly #tiers: readonly Tier[];
  readonly size: number;

  /** `random` (0 ≤ random < 1) decides who of the equal begins. */
  constructor(members: readonly Member[], random: number) {
    const byPriority = new Map<number, Turn[]>();
    let tie = random;
    for (const member of members) {
      const { priority } = member.account;
      const turns = byPriority.get(priority) ?? [];
      byPriority.set(priority, turns);
      // The golden section spreads them evenly, whatever it begins with.
      tie = (tie + 0.618_033_988_75) % 1;
      turns.push({ member, place: 0, tie });
    }
    this.#tiers = [...byPriority].toSorted(([a], [b]) => b - a).map(([, turns]) => new Tier(turns));
    this.size = members.length;
  }

  /** The first for whom `judge` has an answer: the highest priority first, and within one in the order of turns. */
  first<Value>(judge: (member: Member) => Value | undefined): Found<Value> | undefined {
    for (const tier of this.#tiers) {
      const value = tier.first(judge);
      if (value !== undefined) return { value, peers: tier.size };
    }
    return undefined;
  }

  /** The member has been picked. */
  took(member: Member, score: number, random: number): void {
    for (const tier of this.#tiers) if (tier.took(member, score, random)) return;
  }

  /** All in the order in which they would be asked. */
  order(): Member[] {
    return this.#tiers.flatMap((tier) => tier.order());
  }
}

/** The members of one priority. */
class Tier {
  /** The first in turn is at 0; the children of `i` are at `2i + 1` and `2i + 2`. */
  readonly #heap: Turn[];
  /** Where the last pick stood before it. */
  #last = 0;

  constructor(turns: Turn[]) {
    this.#heap = turns;
    for (let i = (turns.length >> 1) - 1; i >= 0; i -= 1) this.#sink(i);
  }

  get size(): number {
    return this.#heap.length;
  }

  first<Value>(judge: (member: Member) => Value | undefined): Value | undefined {
    const passedOver: Turn[] = [];
    let value: Value | undefined;
    for (;;) {
      const turn = this.#heap[0];
      if (turn === undefined) break;
      if (turn.place < this.#last) {
        turn.place = this.#last;
        this.#sink(0);
        continue;
      }
      value = judge(turn.member);
      if (value !== undefined) break;
      passedOver.push(turn);
      this.#removeFirst();
    }
    for (const turn of passedOver) this.#insert(turn);
    return value;
  }

  took(member: Member, score: number, random: number): boolean {
    const at = this.#heap.findIndex((turn) => turn.member === member);
    const turn = this.#heap[at];
    if (turn === undefined) return false;
    this.#last = Math.max(this.#last, turn.place);
    turn.place = this.#last + 1 / score;
    turn.tie = random;
    this.#sink(at);
    return true;
  }

  order(): Member[] {
    const place = (turn: Turn): number => Math.max(turn.place, this.#last);
    return this.#heap.toSorted((a, b) => place(a) - place(b) || a.tie - b.tie).map(({ member }) => member);
  }

  #removeFirst(): void {
    const last = this.#heap.pop() as Turn;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #insert(turn: Turn): void {
    const heap = this.#heap;
    let at = heap.push(turn) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(turn, heap[parent] as Turn)) break;
      heap[at] = heap[parent] as Turn;
      at = parent;
    }
    heap[at] = turn;
  }

  /** Moves what is at `at` down to where it belongs. */
  #sink(at: number): void {
    const heap = this.#heap;
    const turn = heap[at] as Turn;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Turn, heap[child] as Turn)) child += 1;
      if (!isBefore(heap[child] as Turn, turn)) break;
      heap[at] = heap[child] as Turn;
      at = child;
    }
    heap[at] = turn;
  }
}

function isBefore(a: Turn, b: Turn): boolean {
  return a.place < b.place || (a.place === b.place && a.tie < b.tie);
}
