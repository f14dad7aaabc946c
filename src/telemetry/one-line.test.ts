// What a person at a terminal sees of a line of the log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOneLine } from './one-line.ts';

test('a line is one line, says what is there, and makes a terminal do nothing', () => {
  const rows: readonly (readonly [line: Readonly<Record<string, unknown>>, shown: string])[] = [
    [{ level: 'info', time: 'now', msg: 'ready' }, 'ready'],
    [
      { level: 'info', msg: 'request', status: 200, model: 'gpt-4', key_id: null, stream: false },
      'request status=200 model=gpt-4 stream=false',
    ],
    [{ msg: 'request', model: 'two words', failures: ['a: b'] }, 'request model="two words" failures=["a: b"]'],
    [{ msg: 'request', model: '\u001b[2Jgone\r\n\u009b2J' }, 'request model="\\u001b[2Jgone\\r\\n\\u009b2J"'],
    [{ msg: 'x', err: { message: 'elsewhere' } }, 'x'],
    [{}, ''],
  ];
  for (const [line, shown] of rows) assert.equal(inOneLine(line), shown);
});
