// Turns: the heap beside the plain rule that it must follow, and weights that hold for each model by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Member } from './member.ts';
import { Turns } from './turns.ts';

function memberOf(id: number, priority: number): Member {
  return { account: { id: `a${id}`, priority } } as Member;
}

/** What decides between equals at the start. */
function ties(count: number): number[] {
  let tie = 0;
  return Array.from({ length: count }, () => (tie = (tie + 0.618_033_988_75) % 1));
}

/** The rule in plain words: of the highest priority that has somebody, whoever is furthest behind; equals by lot. */
class PlainTurns {
  readonly #turns: { member: Member; place: number; tie: number }[];
  readonly #last = new Map<number, number>();

  constructor(members: readonly Member[]) {
    this.#turns = members.map((member, n) => ({ member, place: 0, tie: ties(members.length)[n] ?? 0 }));
  }

  first(accepts: (member: Member) => boolean): Member | undefined {
    return this.#sorted().find(({ member }) => accepts(member))?.member;
  }

  took(member: Member, score: number, random: number): void {
    const turn = this.#turns.find((one) => one.member === member);
    assert.ok(turn);
    const { priority } = member.account;
    this.#last.set(priority, this.#placeOf(turn));
    turn.place = this.#placeOf(turn) + 1 / score;
    turn.tie = random;
  }

  #placeOf({ member, place }: { member: Member; place: number }): number {
    return Math.max(place, this.#last.get(member.account.priority) ?? 0);
  }

  #sorted(): { member: Member; place: number; tie: number }[] {
    return this.#turns.toSorted(
      (a, b) =>
        b.member.account.priority - a.member.account.priority || this.#placeOf(a) - this.#placeOf(b) || a.tie - b.tie,
    );
  }
}

test('the heap picks whom the plain rule picks, whoever is passed over meanwhile', () => {
  const step = fc.record({
    score: fc.constantFrom(0.05, 0.3, 1, 1, 7),
    blocked: fc.array(fc.nat(11), { maxLength: 12 }),
  });
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 12 }),
      fc.array(step, { maxLength: 60 }),
      (priorities, steps) => {
        const members = priorities.map((priority, id) => memberOf(id, priority));
        const turns = new Turns(members, 0);
        const plain = new PlainTurns(members);
        for (const [n, { score, blocked }] of steps.entries()) {
          const accepts = (member: Member): boolean => !blocked.some((id) => `a${id}` === member.account.id);
          const found = turns.first((member) => (accepts(member) ? member : undefined));
          assert.equal(found?.value, plain.first(accepts));
          assert.equal(turns.order().find(accepts), found?.value, 'the order says the same');
          if (found === undefined) continue;
          assert.equal(found.peers, priorities.filter((one) => one === found.value.account.priority).length);
          // No two alike, so that there is never a choice between equals.
          const tie = ((n + 1) * Math.SQRT2) % 1;
          turns.took(found.value, score, tie);
          plain.took(found.value, score, tie);
        }
      },
    ),
  );
});

test('of a thousand that can all serve one is asked, and all have their turn', () => {
  const members = Array.from({ length: 1000 }, (_, id) => memberOf(id, 0));
  const turns = new Turns(members, 0.5);
  let asked = 0;
  const served = new Set<Member>();
  for (let n = 0; n < 1000; n += 1) {
    const found = turns.first((member) => {
      asked += 1;
      return member;
    });
    assert.ok(found);
    served.add(found.value);
    turns.took(found.value, 1, 0.5);
  }
  assert.deepEqual([asked, served.size], [1000, 1000]);
});
