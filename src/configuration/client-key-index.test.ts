// The keys in memory after any run of changes: what is found is what the rows say, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clientKeyText, digestOf } from '../core/client-key-text.ts';
import { isUsable } from '../core/client-key.ts';
import type { ClientKeyRow } from '../storage/storage.ts';
import { ClientKeyIndex } from './client-key-index.ts';

const texts = Array.from({ length: 8 }, (_, n) => clientKeyText(new Uint8Array(32).fill(n)));
const hashes = texts.map((text) => digestOf(text));
const textOf = (n: number): string => texts[n] ?? '';
const hashOf = (n: number): string => hashes[n] ?? '';

function rowOf(n: number, change: Partial<ClientKeyRow> = {}): ClientKeyRow {
  return {
    id: `key_${n}`,
    name: `Key ${n}`,
    prefix: '',
    key_hash: hashOf(n),
    previous_key_hash: null,
    previous_until: null,
    models: [],
    rpm: null,
    tpm: null,
    max_concurrency: null,
    budget_nano_usd: null,
    budget_period: 'none',
    budget_time_zone: 'UTC',
    limits_mode: 'enforce',
    budget_mode: 'enforce',
    allows_unpriced: false,
    keeps_transcripts: false,
    metadata: {},
    expires_at: null,
    is_active: true,
    revoked_at: null,
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    last_used_at: null,
    ...change,
  };
}

const put = (index: ClientKeyIndex, row: ClientKeyRow): string | undefined =>
  index.apply({ revision: 1, id: row.id, row, problem: undefined });
const drop = (index: ClientKeyIndex, id: string): string | undefined =>
  index.apply({ revision: 1, id, row: undefined, problem: undefined });

test('a key is found by its text, and by no other', () => {
  const index = new ClientKeyIndex();
  assert.equal(index.isEmpty, true);
  put(index, rowOf(1, { rpm: 5, budget_nano_usd: 7, budget_period: 'day', budget_time_zone: 'Asia/Kolkata' }));
  assert.equal(index.isEmpty, false);
  const found = index.find(textOf(1));
  assert.deepEqual(found?.key, {
    id: 'key_1',
    name: 'Key 1',
    models: [],
    rpm: 5,
    tpm: null,
    maxConcurrency: null,
    budget: { amountNanoUsd: 7, period: 'day', timeZone: 'Asia/Kolkata', inForceSince: 1 },
    limitsMode: 'enforce',
    budgetMode: 'enforce',
    allowsUnpriced: false,
    keepsTranscripts: false,
    expiresAtMs: null,
  });
  for (const other of [textOf(2), '', hashOf(1), `${textOf(1)} `]) assert.equal(index.find(other), undefined);
  // The half of a digest that leads to a key does not open it.
  put(index, rowOf(1, { key_hash: hashOf(1).slice(0, 32) + hashOf(2).slice(32) }));
  for (const other of [textOf(1), textOf(2)]) assert.equal(index.find(other), undefined);
  drop(index, 'key_1');
  assert.equal(index.find(textOf(1)), undefined);
  assert.equal(index.isEmpty, true);
});

test('who may use a key, and until when', () => {
  const nowMs = Date.parse('2026-06-01T00:00:00Z');
  const past = '2026-05-31T23:59:59.999Z';
  const future = '2026-06-01T00:00:00.001Z';
  const now = '2026-06-01T00:00:00.000Z';
  const cases: [change: Partial<ClientKeyRow>, isGood: boolean][] = [
    [{}, true],
    [{ is_active: false }, false],
    [{ revoked_at: past }, false],
    [{ revoked_at: future }, false],
    [{ expires_at: future }, true],
    [{ expires_at: now }, false],
    [{ expires_at: past }, false],
    [{ expires_at: '2026-99-99T99:99:99Z' }, false],
  ];
  for (const [change, isGood] of cases) {
    const index = new ClientKeyIndex();
    put(index, rowOf(1, change));
    const found = index.find(textOf(1));
    assert.ok(found, 'a key that is no longer good is known all the same');
    assert.equal(isUsable(found, nowMs), isGood, JSON.stringify(change));
  }
  const rotated: [until: string | null, isGood: boolean][] = [
    [future, true],
    [now, false],
    [null, false],
  ];
  for (const [until, isGood] of rotated) {
    const index = new ClientKeyIndex();
    put(index, rowOf(1, { previous_key_hash: hashOf(2), previous_until: until }));
    const [current, previous] = [index.find(textOf(1)), index.find(textOf(2))];
    assert.ok(current && previous);
    assert.equal(isUsable(current, nowMs), true);
    assert.equal(isUsable(previous, nowMs), isGood, String(until));
    assert.equal(previous.key.id, 'key_1');
    put(index, rowOf(1, { revoked_at: now, previous_key_hash: hashOf(2), previous_until: future }));
    assert.equal(isUsable(index.find(textOf(2)) ?? current, nowMs), false, 'revoking ends the old one too');
  }
});

test('a row that cannot be used opens nothing, and does not leave the door open either', () => {
  const index = new ClientKeyIndex();
  const problem = put(index, rowOf(1, { budget_nano_usd: 1, budget_time_zone: 'Mars/Olympus' }));
  assert.match(problem ?? '', /client key "key_1" has an unknown budget_time_zone "Mars\/Olympus"/u);
  assert.equal(index.find(textOf(1)), undefined);
  assert.equal(index.isEmpty, false);
  assert.equal(
    index.apply({ revision: 2, id: 'key_1', row: undefined, problem: 'it cannot be read' }),
    'it cannot be read',
  );
  assert.equal(index.isEmpty, false);
  assert.equal(put(index, rowOf(1)), undefined);
  assert.ok(index.find(textOf(1)));
});

test('after any changes the texts that are found are those of the rows', () => {
  const change = fc.record({ id: fc.nat(3), text: fc.nat(7), previous: fc.option(fc.nat(7)), isGone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const index = new ClientKeyIndex();
      const rows = new Map<string, ClientKeyRow>();
      for (const { id, text, previous, isGone } of changes) {
        // As the database would have it: one hash stands in one row.
        const isTaken = [...rows.values()].some((row) => {
          const own = [row.key_hash, row.previous_key_hash];
          return (
            row.id !== `key_${id}` &&
            [hashOf(text), ...(previous === null ? [] : [hashOf(previous)])].some((hash) => own.includes(hash))
          );
        });
        if (isGone) {
          drop(index, `key_${id}`);
          rows.delete(`key_${id}`);
        } else if (!isTaken && previous !== text) {
          const row = rowOf(id, {
            key_hash: hashOf(text),
            previous_key_hash: previous === null ? null : hashOf(previous),
          });
          put(index, row);
          rows.set(row.id, row);
        }
      }
      for (const [n, text] of texts.entries()) {
        const owner = [...rows.values()].find((row) => [row.key_hash, row.previous_key_hash].includes(hashOf(n)));
        assert.equal(index.find(text)?.key.id, owner?.id);
      }
      assert.equal(index.isEmpty, rows.size === 0);
    }),
  );
});

test('a budget is in force since its periods are as they are, without a break', () => {
  const index = new ClientKeyIndex();
  const sinceAfter = (revision: number, change: Partial<ClientKeyRow>): number | undefined => {
    index.apply({ revision, id: 'key_1', row: rowOf(1, change), problem: undefined });
    return index.find(textOf(1))?.key.budget?.inForceSince;
  };
  const daily = { budget_nano_usd: 7, budget_period: 'day' } as const;
  assert.equal(sinceAfter(3, {}), undefined);
  assert.equal(sinceAfter(4, daily), 4);
  assert.equal(sinceAfter(5, { ...daily, budget_nano_usd: 8, name: 'other' }), 4);
  assert.equal(sinceAfter(6, { ...daily, previous_key_hash: hashOf(2), previous_until: '2100-01-01T00:00:00Z' }), 4);
  assert.equal(sinceAfter(7, { ...daily, budget_period: 'week' }), 7);
  assert.equal(sinceAfter(8, { ...daily, budget_period: 'week', budget_time_zone: 'Asia/Kolkata' }), 8);
  assert.equal(sinceAfter(9, {}), undefined);
  assert.equal(sinceAfter(10, daily), 10);
});

test('a digest that is cut off in the database opens nothing, whichever key was found before', () => {
  const index = new ClientKeyIndex();
  put(index, rowOf(1));
  assert.ok(index.find(textOf(1)));
  put(index, rowOf(1, { key_hash: hashOf(1).slice(0, 40) }));
  assert.equal(index.find(textOf(1)), undefined);
});
