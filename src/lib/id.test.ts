// Ids: they sort by their time, and tell it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idsFrom, newId, timeOfId } from './id.ts';

test('an id tells when it was made, and sorts between the moments around it', () => {
  for (const ms of [0, 31, 32, Date.UTC(2026, 2, 10, 12), 32 ** 9 - 1]) {
    const id = newId('req', ms);
    assert.equal(timeOfId(id), ms);
    assert.ok(idsFrom('req', ms) < id && (ms === 32 ** 9 - 1 || id < idsFrom('req', ms + 1)));
  }
});

test('what has another form tells nothing', () => {
  for (const text of ['', 'req', 'req_', 'req_1m0tevsz', 'req_1m0tevszu9nnq7', 'REQ_1M0TEVSZP', '1m0tevszp'])
    assert.equal(timeOfId(text), undefined);
});
