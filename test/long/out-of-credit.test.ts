// An account without credit is asked once in each bench period, however long that grows and however many requests come.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { chat, startRig } from '../support/rig.ts';

const minuteMs = 60_000;
/** The first rest, and what doubling leads up to. */
const periodsMs = [5, 10, 20, 40, 60, 60, 60].map((minutes) => minutes * minuteMs);
const spent = 'sk-spent-account-00000001';
const healthy = 'sk-healthy-account-000002';

/** Passes every period; at the end of each `atATime` requests come at once. Answers with how often the account was asked in each. */
async function askThroughPeriods(context: TestContext, atATime: number): Promise<number[]> {
  // The gateway's clock goes by the steady clock and looks at that of the machine: moving both on passes hours in no time.
  const steadyNow = performance.now.bind(performance);
  const wallNow = Date.now.bind(Date);
  let aheadMs = 0;
  context.mock.method(performance, 'now', () => steadyNow() + aheadMs);
  context.mock.method(Date, 'now', () => wallNow() + aheadMs);

  await using rig = await startRig({
    keys: [spent, healthy],
    script: { rpm: 1_000_000, keys: { [spent]: { fault: '429-insufficient-quota', label: 'spent' } } },
  });
  const asked = (): number => rig.mock.journal().entries.filter(({ key }) => key === 'spent').length;
  const ask = async (count: number, together: number): Promise<void> => {
    for (let n = 0; n < count; n += together) {
      const body = chat('gpt-4', { stream: n % 2 === 0 });
      const answers = await Promise.all(Array.from({ length: together }, () => rig.post('/v1/chat/completions', body)));
      for (const answer of answers) assert.equal(answer.status, 200, await answer.text());
    }
  };
  const counts: number[] = [];
  await ask(1, 1);
  for (const lengthMs of periodsMs) {
    await ask(100, 20);
    aheadMs += lengthMs - 10_000;
    await ask(100, 20);
    counts.push(asked() - counts.reduce((sum, count) => sum + count, 0));
    aheadMs += 11_000;
    await ask(atATime, atATime);
  }
  return counts;
}

const once = periodsMs.map(() => 1);

test('exactly one request per bench period', async (context) => {
  assert.deepEqual(await askThroughPeriods(context, 1), once);
});

test('exactly one too when twenty come at once as a period ends, and all twenty are served', async (context) => {
  assert.deepEqual(await askThroughPeriods(context, 20), once);
});
