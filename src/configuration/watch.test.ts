// The watch over the configuration: what was asked for last is in force, also where the database was taken back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Configuration } from '../core/configuration.ts';
import type { ConfigurationRows } from '../storage/storage.ts';
import { FakeClock } from '../../test/support/clock.ts';
import { watchConfiguration, type ConfigurationWatch } from './watch.ts';

/** A database whose revision is in the test's hand; `answers` of a reading come when the test says so, where it has such. */
async function setUp(): Promise<{
  database: { revision: number; reads: number; holdBack: ((answer: () => void) => void) | undefined };
  clock: FakeClock;
  watch: ConfigurationWatch;
}> {
  const clock = new FakeClock();
  const database: Awaited<ReturnType<typeof setUp>>['database'] = { revision: 7, reads: 0, holdBack: undefined };
  const watch = await watchConfiguration({
    storage: {
      pollEveryMs: 500,
      onChange: () => () => {},
      revision: () => Promise.resolve(database.revision),
      readConfiguration() {
        database.reads += 1;
        const rows = { revision: database.revision } as ConfigurationRows;
        const { holdBack } = database;
        return holdBack === undefined ? Promise.resolve(rows) : new Promise((resolve) => holdBack(() => resolve(rows)));
      },
    },
    clock,
    build: ({ revision }) => ({ revision }) as Configuration,
    onChange() {},
    onTrouble: assert.ifError,
  });
  return { database, clock, watch };
}

test('a database that was taken back to an earlier revision is read once, and is in force', async () => {
  const { database, clock, watch } = await setUp();
  database.revision = 3;
  await clock.advance(500);
  assert.equal(watch.current().revision, 3);
  assert.equal(database.reads, 2);
  await clock.advance(5000);
  assert.equal(database.reads, 2);
  watch.stop();
});

test('of two readings at the same time the one that was asked for later stays', async () => {
  const { database, clock, watch } = await setUp();
  const answers: (() => void)[] = [];
  database.holdBack = (answer) => void answers.push(answer);
  database.revision = 8;
  const first = watch.reload();
  database.revision = 9;
  const second = watch.reload();
  answers[1]?.();
  await second;
  answers[0]?.();
  await first;
  assert.equal(watch.current().revision, 9);
  watch.stop();
  assert.equal(clock.waiting, 0);
});
