// Tests the wording of the last word; which word it is, test/integration holds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../core/errors.ts';
import { failureOf } from '../core/failure.ts';
import { lastWord } from './verdict.ts';

const cases: readonly [message: string, said: string][] = [
  ['the upstream was silent', 'The upstream was silent (account "A").'],
  ['https://api.example.com was silent', 'https://api.example.com was silent (account "A").'],
];
for (const [message, said] of cases) {
  test(`a sentence from "${message}"`, () => {
    const word = lastWord([{ label: 'A', failure: failureOf('idle_timeout', message), answer: undefined }], false);
    assert.ok(word instanceof Error);
    assert.equal(word.message, said);
  });
}

test('nobody is left who could pay: said so, also where no retry was left to find out', () => {
  const answer = { status: 429, headers: [], body: new Uint8Array(), isJson: true };
  const failed = [{ label: 'A', failure: failureOf('insufficient_quota', 'no money'), answer }];
  const word = lastWord(failed, false);
  assert.ok(word instanceof GatewayError);
  assert.deepEqual([word.code, word.details.shouldRetry], ['insufficient_quota', false]);
  // Another account may serve the client's next try.
  assert.equal(lastWord(failed, true), answer);
});
