// The supervisor's own log lines.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { supervisorLine } from './supervisor-log.ts';

const line = { level: 'info', message: 'well', members: { worker: 1 } } as const;
const atMs = Date.UTC(2030, 0, 2, 3, 4, 5);

test('in the form of the workers, and only where the level asks for it', () => {
  const json = '{"level":"info","time":"2030-01-02T03:04:05.000Z","worker":1,"msg":"well"}\n';
  const pretty = '[03:04:05.000] INFO: well {"worker":1}\n';
  for (const [level, format, isTerminal, expected] of [
    ['info', undefined, false, json],
    ['trace', 'json', true, json],
    ['info', undefined, true, pretty],
    ['info', 'pretty', false, pretty],
    ['warn', undefined, false, ''],
    ['silent', undefined, false, ''],
  ] as const)
    assert.equal(supervisorLine({ LOG_LEVEL: level, LOG_FORMAT: format }, isTerminal, atMs, line), expected);
});
