// Tests how the end of an answer's body is told, and what its head says of that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerDate, framingOf, statesLength, writeAnswerHead, type AnswerCase } from './answer-head.ts';

const usual: AnswerCase = { method: 'GET', isOld: false, status: 200, bodyBytes: undefined, isLengthStated: false };

test('the end of a body is told in the way that its reader knows', () => {
  const cases: readonly (readonly [part: Partial<AnswerCase>, framing: string])[] = [
    [{}, 'chunked'],
    [{ isOld: true }, 'until_close'],
    [{ bodyBytes: 0 }, 'counted'],
    [{ bodyBytes: 5, isOld: true }, 'counted'],
    [{ isLengthStated: true, bodyBytes: 5 }, 'stated'],
    [{ method: 'HEAD', isLengthStated: true }, 'bodiless'],
    [{ status: 204, bodyBytes: 5 }, 'bodiless'],
    [{ status: 304 }, 'bodiless'],
    [{ status: 203 }, 'chunked'],
    [{ status: 305 }, 'chunked'],
  ];
  for (const [part, framing] of cases) assert.equal(framingOf({ ...usual, ...part }), framing, JSON.stringify(part));
});

test('a length among the headers is found by its name, wherever it stands', () => {
  assert.equal(statesLength(['content-length', '5', 'a', 'b', 'c', 'd', 'e', 'f']), true);
  assert.equal(statesLength(['a', 'b', 'Content-Length', '5', 'c', 'd']), true);
  assert.equal(statesLength(['a', 'b', 'c', 'd', 'CONTENT-LENGTH', '5']), true);
  assert.equal(statesLength(['content-coding', 'x', 'a', 'content-length', 'content-length2', '5']), false);
  assert.equal(statesLength([]), false);
});

test('the length is said where a body has one, also of a body that is left out', () => {
  const lengthOf = (framing: Parameters<typeof writeAnswerHead>[0]['framing'], bodyBytes?: number): unknown => {
    const about = { status: 200, fields: 'a: b\r\n', keepAliveSeconds: 5, date: 'now' };
    const head = writeAnswerHead({ ...about, framing, bodyBytes });
    assert.match(
      head,
      /^HTTP\/1\.1 200 OK\r\na: b\r\n(.*\r\n)?date: now\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\n\r\n$/u,
    );
    return /content-length: \d+|transfer-encoding: chunked/u.exec(head)?.[0];
  };
  assert.equal(lengthOf('chunked'), 'transfer-encoding: chunked');
  assert.equal(lengthOf('counted', 0), 'content-length: 0');
  assert.equal(lengthOf('counted', 7), 'content-length: 7');
  assert.equal(lengthOf('bodiless', 1), 'content-length: 1');
  assert.equal(lengthOf('bodiless', 0), undefined);
  assert.equal(lengthOf('bodiless'), undefined);
  assert.equal(lengthOf('stated', 7), undefined);
  assert.equal(lengthOf('until_close'), undefined);
});

test('the date is that of the second, as HTTP writes it', () => {
  const date = new AnswerDate();
  const atMs = Date.parse('2026-11-23T12:34:56.000Z');
  for (const [ms, text] of [
    [0, 'Mon, 23 Nov 2026 12:34:56 GMT'],
    [999, 'Mon, 23 Nov 2026 12:34:56 GMT'],
    [1000, 'Mon, 23 Nov 2026 12:34:57 GMT'],
    [-1, 'Mon, 23 Nov 2026 12:34:55 GMT'],
  ] as const)
    assert.equal(date.at(atMs + ms), text);
});
