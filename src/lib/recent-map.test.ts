// Tests what is remembered and what is forgotten, against a list in the order of use.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecentMap } from './recent-map.ts';

test('the half that was used last is remembered, and never more than the whole', () => {
  const uses = fc.array(fc.record({ key: fc.nat(12), isSet: fc.boolean() }), { maxLength: 100 });
  fc.assert(
    fc.property(uses, fc.integer({ min: 1, max: 10 }), (list, half) => {
      const map = new RecentMap<number, number>(2 * half);
      /** Keys with their values, the one used last at the end. */
      let recent: { key: number; value: number }[] = [];
      for (const [value, { key, isSet }] of list.entries()) {
        const known = recent.find((one) => one.key === key);
        const isRecent = recent.slice(-half).some((one) => one.key === key);
        if (isSet) map.set(key, value);
        else {
          const got = map.get(key);
          if (isRecent || got !== undefined) assert.equal(got, known?.value);
          if (got === undefined) continue;
        }
        recent = [...recent.filter((one) => one.key !== key), { key, value: isSet ? value : (known?.value ?? NaN) }];
      }
      const remembered = new Map(recent.map(({ key, value }) => [key, value]));
      const found = [...remembered].filter(([key, value]) => map.get(key) === value);
      assert.ok(found.length <= 2 * half);
    }),
  );
});

test('what is not used is forgotten', () => {
  const map = new RecentMap<string, number>(4);
  map.set('a', 1);
  map.set('b', 2);
  map.set('c', 3);
  assert.equal(map.get('a'), 1);
  map.set('d', 4);
  assert.equal(map.get('b'), undefined);
  assert.deepEqual([map.get('a'), map.get('d')], [1, 4]);
});
