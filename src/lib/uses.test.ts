// Uses that could not be noted are not lost, and a later one counts before them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Uses } from './uses.ts';

const [first, second, third] = [1_800_000_000_000, 1_800_000_001_000, 1_800_000_002_000];

test('what could not be noted is noted the next time, unless it is outdated by then', async () => {
  const uses = new Uses();
  uses.set('a', first);
  uses.set('b', first);
  const away = Promise.withResolvers<void>();
  const handed = uses.handOver(() => away.promise);
  uses.set('b', second);
  uses.set('c', third);
  assert.deepEqual([uses.get('a'), uses.get('b'), uses.get('c'), uses.get('d')], [first, second, third, undefined]);
  away.reject(new Error('the database is away'));
  await assert.rejects(handed, /away/u);
  const noted: [string, string][] = [];
  const note = async (times: ReadonlyMap<string, string>): Promise<void> => void noted.push(...times);
  assert.equal(await uses.handOver(note), true);
  assert.deepEqual(noted.sort(), [
    ['a', '2027-01-15T08:00:00.000Z'],
    ['b', '2027-01-15T08:00:01.000Z'],
    ['c', '2027-01-15T08:00:02.000Z'],
  ]);
  assert.equal(await uses.handOver(note), false);
  assert.equal(uses.get('a'), undefined);
});
