// Tests the roster against a set.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Roster, type RosterMember } from './roster.ts';

test('a roster holds what a set holds', () => {
  const steps = fc.array(fc.record({ who: fc.nat(9), comes: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (list) => {
      const members: RosterMember[] = Array.from({ length: 10 }, () => ({ rosterPlace: -1 }));
      const roster = new Roster<RosterMember>();
      const expected = new Set<RosterMember>();
      for (const { who, comes } of list) {
        const member = members[who] as RosterMember;
        if (!comes) roster.delete(member);
        else if (!expected.has(member)) roster.add(member);
        if (comes) expected.add(member);
        else expected.delete(member);
        const found: RosterMember[] = [];
        roster.forEach((one) => found.push(one));
        assert.equal(roster.size, expected.size);
        assert.deepEqual(new Set(found), expected);
        assert.equal(found.length, expected.size);
      }
    }),
  );
});

test('whoever is visited may go, and take others along', () => {
  const roster = new Roster<RosterMember>();
  const members = Array.from({ length: 6 }, () => ({ rosterPlace: -1 }));
  for (const member of members) roster.add(member);
  const visited = new Set<RosterMember>();
  roster.forEach((member) => {
    visited.add(member);
    roster.delete(member);
    if (visited.size === 1) roster.delete(members[4] as RosterMember);
  });
  assert.equal(visited.size, 5);
  assert.equal(roster.size, 0);
});
