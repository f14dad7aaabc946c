// Tests which headers of an upstream a client sees.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { answerHeaders } from './headers.ts';

suite('what is for this hop alone stays here', () => {
  const cases: readonly [about: string, headers: string[], passed: string[]][] = [
    ['nothing said', ['x-one', '1'], ['x-one', '1']],
    ['the usual word', ['connection', 'keep-alive', 'x-one', '1', 'keep-alive', 'timeout=5'], ['x-one', '1']],
    ['named before it comes', ['connection', 'x-hop', 'x-hop', '1', 'x-one', '1'], ['x-one', '1']],
    ['named after it came', ['x-one', '1', 'x-hop', '1', 'connection', 'close, X-Hop'], ['x-one', '1']],
    [
      'named in two lines',
      ['connection', 'x-a', 'x-a', '1', 'connection', 'x-b', 'x-b', '2', 'x-c', '3'],
      ['x-c', '3'],
    ],
    ['no name of anything there', ['connection', 'x-two,', 'x-one', '1'], ['x-one', '1']],
  ];
  for (const [about, headers, passed] of cases) {
    test(about, () => assert.deepEqual(answerHeaders(headers, []), passed));
  }
});

test('what is of the hop, of the upstream’s edge or for a browser stays here, and all else is passed down', () => {
  const kept = ['openai-version', '2020-10-01', 'retry-after', '7', 'x-ratelimit-limit-requests', '9'];
  const dropped = ['set-cookie', 'a=b', 'content-length', '5', 'content-encoding', 'gzip', 'cf-ray', 'x', 'via', 'y'];
  assert.deepEqual(answerHeaders([...dropped, ...kept], []), kept);
});
