// Tests every spelling of a wait, with the vectors of OpenAI's own clients.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { longestWaitMs, parseDuration, readRetryAfter, readSpokenWait } from './retry-after.ts';

const nowMs = Date.parse('Fri, 29 Sep 2023 16:26:27 GMT');

function read(headers: Readonly<Record<string, string>>): number | undefined {
  return readRetryAfter((name) => headers[name], nowMs);
}

test('retry-after in seconds and as a date (openai-python tests/test_client.py, except its cap of 120 s)', () => {
  const rows: readonly (readonly [text: string, waitMs: number | undefined])[] = [
    ['20', 20_000],
    [' 20 ', 20_000],
    ['1.5', 1500],
    ['0', undefined],
    ['-10', undefined],
    ['60', 60_000],
    ['121', 121_000],
    ['86400', 86_400_000],
    ['99999999999999999999', undefined],
    ['Fri, 29 Sep 2023 16:26:27 GMT', undefined],
    ['Fri, 29 Sep 2023 16:26:37 GMT', 10_000],
    ['Fri, 29 Sep 2023 16:28:28 GMT', 121_000],
    ['Fri, 29 Sep 2023 16:26:17 GMT', undefined],
    ['Friday, 29-Sep-23 16:26:37 GMT', 10_000],
    ['Fri Sep 29 16:26:37 2023', 10_000],
    ['Zun, 29 Sep 2023 16:26:37 GMT', undefined],
    ['Fri, 29 Sep 2033 16:26:37 GMT', undefined],
    ['2023-09-29T16:26:37Z', undefined],
    ['inf', undefined],
    ['nan', undefined],
    ['1e3', undefined],
    ['0x14', undefined],
    ['', undefined],
  ];
  for (const [text, waitMs] of rows) assert.equal(read({ 'retry-after': text }), waitMs, text);
});

test('retry-after-ms comes first, where it is usable', () => {
  assert.equal(read({ 'retry-after-ms': '250.5', 'retry-after': '1' }), 250.5);
  for (const text of ['0', '-1', 'abc', '']) {
    assert.equal(read({ 'retry-after-ms': text, 'retry-after': '1' }), 1000, text);
    assert.equal(read({ 'retry-after-ms': text }), undefined, text);
  }
  assert.equal(read({}), undefined);
});

test('durations', () => {
  const rows: readonly (readonly [text: string, ms: number | undefined])[] = [
    ['6m0s', 360_000],
    ['1h12m0s', 4_320_000],
    ['8.64s', 8640],
    ['17ms', 17],
    ['500us', 0.5],
    ['0s', 0],
    ['12', 12_000],
    ['-1', undefined],
    ['-1s', undefined],
    ['1d', undefined],
    ['1s!', undefined],
    ['s', undefined],
    ['', undefined],
    ['9'.repeat(400), undefined],
    [`${'9'.repeat(400)}h`, undefined],
  ];
  for (const [text, ms] of rows) assert.equal(parseDuration(text), ms, text);
});

test('a wait in a sentence', () => {
  const rows: readonly (readonly [sentence: string, waitMs: number | undefined])[] = [
    ['Please try again in 6m0s. Visit https://platform.openai.com to learn more.', 360_000],
    ['Please try again in 644ms. Visit', 644],
    ['Please try again in 1.2s', 1200],
    ['Please try\nagain in 5.448s. Visit', 5448],
    ['Please retry after 26 seconds. Please go here', 26_000],
    ['Please retry in 34.07s.', 34_070],
    ['Try again in 1 minute', 60_000],
    ['try again in 2 hours and a bit', 7_200_000],
    ['try again in 1 hour 30 mins', 5_400_000],
    ['try again in 1m26.4s.', 86_400],
    ['try again later', undefined],
    ['try again in a while', undefined],
    ['try again in 5 monkeys', undefined],
    ['try again in 0s', undefined],
    ['try again in 9000h', undefined],
    ['wait for 5s', undefined],
    ['', undefined],
  ];
  for (const [sentence, waitMs] of rows) assert.equal(readSpokenWait(sentence), waitMs, sentence);
});

test('whatever comes, a wait is positive and no longer than a month', () => {
  const anyText = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      for (const waitMs of [read({ 'retry-after': a, 'retry-after-ms': b }), readSpokenWait(`try again in ${a}`)]) {
        assert.ok(waitMs === undefined || (waitMs > 0 && waitMs <= longestWaitMs), `${a} ${b}`);
      }
    }),
  );
});
