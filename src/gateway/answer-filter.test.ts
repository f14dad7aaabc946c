// What is passed on of an answer's headers is the same whether it is the account's first or one of many that are much alike.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { limitedKey } from '../../test/support/client-key.ts';
import type { Account } from '../core/account.ts';
import { Secret } from '../core/secret.ts';
import { filterAnswer } from './answer-filter.ts';
import { answerHeaders, withoutCredential } from './headers.ts';
import { hiddenHeaders } from './reserve.ts';

const [key, other] = ['sk-proj-0123456789abcdefghijklmnopqrstuvwxyz', 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789'];
const account = (text: string): Account => ({ credential: new Secret(text) }) as Account;
const hidden = ['x-ratelimit-limit-requests'];

const header = fc.tuple(
  fc.constantFrom(
    'content-type',
    'connection',
    'x-hop',
    'set-cookie',
    'x-ratelimit-limit-requests',
    'x-request-id',
    'cf-ray',
  ),
  fc.constantFrom('a', 'b', 'close', 'keep-alive', 'x-hop', 'X-Hop, close', `Bearer ${key}`, `of ${other}`),
);

test('headers are filtered as if they were the first, whosever the ones before were', () =>
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1), fc.array(header, { maxLength: 6 })), { maxLength: 10 }), (heads) => {
      const accounts = [account(key), account(other)];
      for (const [n, head] of heads) {
        const one = accounts[n] as Account;
        const all = withoutCredential(head.flat(), one.credential);
        assert.deepEqual(filterAnswer(one, hidden, head.flat()), { all, shown: answerHeaders(all, hidden) });
      }
    }),
    { numRuns: 500 },
  ));

test('each kind of key has one list of hidden names, by which its filter is found again', () => {
  const keys = [null, ...[{}, { rpm: 1 }, { tpm: 1 }, { rpm: 1, tpm: 1 }].map((limits) => limitedKey(limits))];
  for (const one of keys) assert.equal(hiddenHeaders(one), hiddenHeaders(one === null ? null : { ...one }));
});
