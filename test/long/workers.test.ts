// Two workers behind one port, killed and ended as it comes: the limits hold, the ledger has all, the streams end whole.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { LedgerGround } from '../support/ledger-ground.ts';
import { limitedClient } from '../support/limited-client.ts';
import { startProgramRig, type ProgramRig } from '../support/program-rig.ts';
import { startRedis, withoutRedis } from '../support/redis.ts';
import { chat } from '../support/rig.ts';
import { askAlone, lives, withoutChildren, workersOf } from '../support/worker-program.ts';

const generous = 30_000;

const isWell = async (url: string): Promise<boolean> =>
  (await askAlone(url, '/ready').catch(() => undefined))?.text === '{"status":"ready"}';

/** Kills one of the two workers; resolves when another serves in its place. */
async function replaceOne(url: string, supervisor: number, signal: NodeJS.Signals): Promise<void> {
  const before = workersOf(supervisor);
  const [one = 0] = before;
  process.kill(one, signal);
  await eventually('it is gone', () => !workersOf(supervisor).includes(one), generous);
  await eventually('two are there again', () => workersOf(supervisor).length === 2, generous);
  await eventually('both serve', () => isWell(url), generous);
}

const answered = async (rig: ProgramRig): Promise<number> => {
  const { text } = await askAlone(rig.url, '/metrics');
  const counts = [...text.matchAll(/^aigateway_requests_total\{.*\} (\d+)$/gmu)].map(([, count]) => Number(count));
  return counts.reduce((sum, count) => sum + count, 0);
};

suite('two workers', { skip: withoutChildren }, () => {
  for (const [where, isRedis] of [
    ['their supervisor', false],
    ['Redis', true],
  ] as const) {
    test(
      `share limits in ${where}, also when one of them is killed, and are counted together`,
      {
        skip: isRedis && withoutRedis,
      },
      async () => {
        await using redis = isRedis ? await startRedis() : undefined;
        const settings = { WORKERS: '2', ...(redis !== undefined && { REDIS_URL: redis.url }) };
        await using rig = await startProgramRig({ settings });
        const supervisor = rig.program.process.pid ?? 0;
        const { key } = await limitedClient(rig, { rpm: 60 });
        const ask = (): Promise<number> =>
          askAlone(rig.url, '/v1/chat/completions', { key, body: chat('gpt-4') }).then(({ status }) => status);
        // A change holds at all of them when it is answered: who knew of no key would serve everybody on this machine.
        const strangers = Array.from({ length: 20 }, () => askAlone(rig.url, '/v1/models'));
        for (const { status } of await Promise.all(strangers)) assert.equal(status, 401);
        const startedAtMs = performance.now();
        const statuses: number[] = [];
        const round = async (): Promise<void> => {
          statuses.push(...(await Promise.all(Array.from({ length: 20 }, ask))));
        };
        for (let i = 0; i < 10; i += 1) await round();
        const before = await answered(rig);
        await replaceOne(rig.url, supervisor, 'SIGKILL');
        for (let i = 0; i < 5; i += 1) await round();
        const isInMinute = performance.now() - startedAtMs < 60_000;
        const admitted = statuses.filter((status) => status === 200).length;
        assert.ok(admitted >= 57, `${admitted} of 60`);
        if (isInMinute) assert.ok(admitted <= 60, `${admitted} of 60`);
        assert.ok(statuses.every((status) => status === 200 || status === 429));
        assert.ok((await answered(rig)) >= before + 100, 'what the killed one had counted counts on');
        const workers = new Set(rig.requestLines().map((line) => (line as unknown as { worker: number }).worker));
        assert.deepEqual([...workers].sort(), [1, 2]);
        assert.match(
          rig.program.output(),
          /"worker":1,.*"signal":"SIGKILL","restart_in_ms":250,"msg":"a worker ended/u,
        );
      },
    );
  }

  test('show what any of them has answered, whichever is asked', async () => {
    await using rig = await startProgramRig({ settings: { WORKERS: '2' } });
    const { key } = await limitedClient(rig, { rpm: 1000 });
    // Each question has a connection of its own, and the kernel deals them out at random.
    for (let count = 1; count <= 20; count += 1) {
      const { status, requestId } = await askAlone(rig.url, '/v1/chat/completions', { key, body: chat('gpt-4') });
      assert.equal(status, 200);
      const shown = await askAlone(rig.url, `/api/v1/requests/${requestId}`);
      assert.equal(shown.status, 200, shown.text);
      assert.equal((JSON.parse(shown.text) as { outcome: string }).outcome, 'ok');
      const usage = await askAlone(rig.url, '/api/v1/usage');
      assert.equal((JSON.parse(usage.text) as { data: { requests: number }[] }).data[0]?.requests, count);
    }
  });

  test('lose nothing of the ledger when one of them is killed, ten times', async (context) => {
    await using ground = await LedgerGround.open(undefined, { AIGATEWAY_WORKERS: '2' });
    await ground.start();
    const deaths: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      const traffic = ground.traffic(100, 1500);
      await new Promise((resolve) => setTimeout(resolve, 400));
      deaths.push(Date.now());
      await replaceOne(ground.url, ground.pid, 'SIGKILL');
      await traffic;
    }
    assert.equal(await ground.end('SIGTERM').then(() => isWell(ground.url)), false);
    const { requests, unknown } = ground.check(deaths);
    context.diagnostic(`${requests} requests, ${unknown} of unknown end`);
    assert.ok(requests > 500 && unknown < requests / 2);
  });

  for (const [what, signal, exit] of [
    ['told to end', 'SIGTERM', 0],
    ['without their supervisor', 'SIGKILL', 'SIGKILL'],
  ] as const) {
    test(`${what} finish their streams, and end`, async () => {
      const settings = { WORKERS: '2', DRAIN_TIMEOUT_MS: '60000' };
      await using rig = await startProgramRig({ settings, script: { chunk_delay_ms: 50 } });
      const supervisor = rig.program.process.pid ?? 0;
      const workers = workersOf(supervisor);
      assert.equal(workers.length, 2);
      let begun = 0;
      const streams = Array.from({ length: 20 }, () => {
        let isBegun = false;
        const onText = (): void => {
          if (!isBegun) begun += 1;
          isBegun = true;
        };
        const body = chat('gpt-mock-stream-50', { stream: true });
        return askAlone(rig.url, '/v1/chat/completions', { body, onText });
      });
      await eventually('all have begun', () => begun === 20, generous);
      process.kill(supervisor, signal);
      for (const { status, text } of await Promise.all(streams)) {
        assert.equal(status, 200);
        assert.match(text, /data: \[DONE\]\n\n$/u);
      }
      assert.equal(await rig.program.exit, exit);
      await eventually('all are gone', () => !workers.some(lives), generous);
      const served = new Set(rig.requestLines().map((line) => (line as unknown as { worker: number }).worker));
      assert.deepEqual([...served].sort(), [1, 2]);
    });
  }

  test('one of them told to end is replaced, and no request is refused', async () => {
    await using rig = await startProgramRig({ settings: { WORKERS: '2' } });
    const supervisor = rig.program.process.pid ?? 0;
    await replaceOne(rig.url, supervisor, 'SIGTERM');
    assert.match(rig.program.output(), /"exit_code":0,"signal":null/u);
  });
});
