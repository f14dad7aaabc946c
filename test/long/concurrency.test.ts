// Five requests at the same time, 10,000 requests with every fault and clients that leave at any moment, and a kill in between.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FAULTS } from '../../src/mock/faults/table.ts';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { limitedClient, type LimitedClient } from '../support/limited-client.ts';
import { runProgram, type Program } from '../support/program.ts';
import { clientOf, setUp, type RigClient } from '../support/rig.ts';

const total = 10_000;
const places = 5;
const clients = 16;
/** Less than half of how long the gateway bears a silent upstream here. */
const noticedWithinMs = 60;

/** Each request meets one fault of the table or none; four in ten do. */
const faults = Object.keys(FAULTS).map((fault, i, all) => ({ fault, share: 0.4 / (all.length - 0.4 * i) }));

/** A gateway that gives up soon on an upstream that says nothing. */
function start(folder: string): Program {
  return runProgram(['serve', '--port', '0', '--data-dir', folder], {
    env: {
      AIGATEWAY_LOG_LEVEL: 'warn',
      AIGATEWAY_FIRST_BYTE_TIMEOUT_MS: '150',
      AIGATEWAY_STREAM_IDLE_TIMEOUT_MS: '150',
      AIGATEWAY_QUEUE_TIMEOUT_MS: '50',
      AIGATEWAY_MAX_ATTEMPTS: '2',
      AIGATEWAY_DRAIN_TIMEOUT_MS: '1000',
    },
  });
}

/** Benches and circuits would keep requests from the faults: they are lifted all the time. */
async function keepWell({ manage }: RigClient, accounts: readonly string[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const id of accounts) await manage('POST', `/accounts/${id}/unbench`).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Sends until so many requests have been let in; what came of them. */
async function send(
  client: LimitedClient,
  until: number,
  seen: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  let admitted = 0;
  const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  const one = async (n: number): Promise<void> => {
    const leaves = n % 3 === 0 ? AbortSignal.timeout(randomInt(0, 60)) : undefined;
    try {
      const response = await client.chat({ stream: n % 2 === 0 }, leaves);
      const text = await response.text();
      const isFull = response.status === 429 && text.includes('"type":"concurrency"');
      note(isFull ? 'full' : String(response.status));
      if (isFull) await new Promise((resolve) => setTimeout(resolve, 5));
      else admitted += 1;
    } catch {
      note('left');
      if (leaves !== undefined) admitted += 1;
    }
  };
  const isEnough = (): boolean => admitted >= until || signal.aborted;
  const lane = async (first: number): Promise<void> => {
    for (let n = first; !isEnough(); n += clients) await one(n);
  };
  await Promise.all(Array.from({ length: clients }, (_, i) => lane(i)));
}

/**
 * The longest time in ms for which more requests were open than there are places, by the upstream's own book. It hears of
 * a connection that was closed and of the request that took its place in one turn of its event loop, in any order: on a
 * busy machine that is some ms apart. A place that was given away too early stays so for as long as an upstream is silent.
 */
function longestOverfullMs(mock: Mock): number {
  const { entries } = mock.journal();
  const moments = entries.flatMap(({ at, ended_at: ended }) => [
    { atMs: at, step: 1 },
    { atMs: ended ?? Infinity, step: -1 },
  ]);
  // What ends at the moment at which another begins has ended before it.
  moments.sort((a, b) => a.atMs - b.atMs || a.step - b.step);
  let [open, longestMs] = [0, 0];
  let sinceMs: number | undefined;
  for (const { atMs, step } of moments) {
    open += step;
    if (open > places) sinceMs ??= atMs;
    else if (sinceMs !== undefined) {
      longestMs = Math.max(longestMs, atMs - sinceMs);
      sinceMs = undefined;
    }
  }
  return sinceMs === undefined ? longestMs : Infinity;
}

async function inFlight(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^aigateway_requests_in_flight (\d+)/mu.exec(text)?.[1]);
}

async function areAllPlacesFree(client: LimitedClient): Promise<boolean> {
  const answers = await Promise.all(Array.from({ length: places }, () => client.ask({ model: 'gpt-4o' })));
  return answers.every(({ error }) => error?.type !== 'concurrency');
}

test('never more than five, and every place is free at the end', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-test-'));
  const slow = { delay_ms: 5, chunks: 5, chunk_delay_ms: 4 };
  const mock = await startMock({
    port: 0,
    script: { rpm: 1e7, tpm: 1e9, models: { 'gpt-4': { ...slow, fault: faults }, 'gpt-4o': slow } },
  });
  try {
    const seen = new Map<string, number>();
    let client: LimitedClient | undefined;
    for (const [round, until] of [Infinity, total].entries()) {
      await using program = start(folder);
      const url = await program.url;
      const rig = clientOf(url);
      if (client === undefined) {
        await setUp(rig, mock, ['sk-places-000000000001', 'sk-places-000000000002', 'sk-places-000000000003']);
        client = await limitedClient(rig, { max_concurrency: places });
      } else {
        const { id, key } = client;
        client = await limitedClient({ post: rig.post, manage: async <Answer>() => ({ id, key }) as Answer }, {});
        assert.ok(await areAllPlacesFree(client), 'the killed gateway holds nothing');
      }
      const { data } = await rig.manage<{ data: { id: string }[] }>('GET', '/accounts');
      const watch = new AbortController();
      const watching = keepWell(
        rig,
        data.map(({ id }) => id),
        watch.signal,
      );
      const killed = new AbortController();
      const sending = send(client, until, seen, killed.signal);
      if (round === 0) {
        await eventually('much is under way', () => mock.journal().requests > 1000, 120_000);
        program.process.kill('SIGKILL');
        await program.exit;
        killed.abort();
      }
      await sending;
      watch.abort();
      await watching;
      if (round === 0) continue;
      await eventually('nothing is under way', async () => (await inFlight(url)) <= 0);
      await eventually('nothing is open upstream', () => mock.journal().open_requests === 0);
      assert.ok(await areAllPlacesFree(client));
    }
    context.diagnostic(
      `clients saw ${JSON.stringify(Object.fromEntries(seen))}, the upstream ${mock.journal().requests} requests`,
    );
    const overfullMs = longestOverfullMs(mock);
    assert.ok(overfullMs < noticedWithinMs, `more than ${places} at once for ${overfullMs} ms`);
  } finally {
    await mock.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
