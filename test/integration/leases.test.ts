// After any mix of faults, fallbacks, waits and clients that go, nothing is held any more: a property of the whole gateway.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { FAULTS } from '../../src/mock/faults/table.ts';
import { eventually } from '../support/await.ts';
import { limitedClient, type LimitedClient } from '../support/limited-client.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

/** The property ends with as many mixes as it has got to by then. */
const longestMs = 4000;
const places = 3;

/** How a client takes part. */
interface Act {
  readonly model: string;
  readonly isStream: boolean;
  readonly isBuffered: boolean;
  readonly bodyBytes: number;
  /** Which client key it has; null: one without limits. */
  readonly key: 'few places' | 'a budget' | null;
  /** It goes when so much of its request has been sent, or so long after it, or at the first bytes, or never. */
  readonly leaves: { readonly sentShare: number } | { readonly afterMs: number } | 'at first bytes' | 'never';
}

const act: fc.Arbitrary<Act> = fc.record({
  model: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...Object.keys(FAULTS)).map((fault) => `gpt-fault-${fault}`) },
    { weight: 1, arbitrary: fc.constantFrom('gpt-4', 'gpt-4-slow', 'gpt-4-elsewhere', 'gpt-4-nowhere') },
  ),
  isStream: fc.boolean(),
  isBuffered: fc.boolean(),
  bodyBytes: fc.constantFrom(10, 10, 10, 30_000, 100_000, 300_000),
  key: fc.constantFrom('few places' as const, 'a budget' as const, null),
  leaves: fc.oneof(
    fc.constant('never' as const),
    fc.constant('at first bytes' as const),
    fc.record({ afterMs: fc.nat(200) }),
    fc.record({ sentShare: fc.double({ min: 0, max: 0.99, noNaN: true }) }),
  ),
});

type Clients = Readonly<Record<'few places' | 'a budget' | 'none', LimitedClient>>;

/** Plays one client to its end. */
function play(rig: Rig, clients: Clients, { leaves, isBuffered, key, ...of }: Act): Promise<void> {
  const { hostname, port, host } = new URL(rig.url);
  const messages = [{ role: 'user', content: 'x'.repeat(of.bodyBytes) }];
  const body = JSON.stringify(chat(of.model, { stream: of.isStream, max_tokens: 20, messages }));
  const head = [
    `POST /v1/chat/completions HTTP/1.1`,
    `host: ${host}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    `authorization: Bearer ${clients[key ?? 'none'].key}`,
    'x-aigateway-timeout-ms: 1200',
    ...(isBuffered ? ['x-aigateway-stream: buffered'] : []),
    'connection: close',
  ];
  const request = `${head.join('\r\n')}\r\n\r\n${body}`;
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      if (typeof leaves === 'object' && 'sentShare' in leaves) {
        socket.write(request.slice(0, request.length * leaves.sentShare), () => socket.resetAndDestroy());
        return;
      }
      socket.write(request);
      if (typeof leaves === 'object') setTimeout(() => socket.destroy(), leaves.afterMs);
    });
    socket.on('data', () => leaves === 'at first bytes' && socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

const gauges = ['requests_in_flight', 'attempts_in_flight', 'requests_waiting', 'body_bytes_in_flight'];

/** What is held by the gateway's own account, and open at the upstream. */
async function held(rig: Rig): Promise<Record<string, number>> {
  const text = await (await fetch(`${rig.url}/metrics`)).text();
  const read = (name: string): number => Number(new RegExp(`^aigateway_${name} (\\d+)$`, 'mu').exec(text)?.[1]);
  const own = Object.fromEntries(gauges.map((name) => [name, read(name)]));
  return { ...own, upstream: rig.mock.journal().open_requests };
}

async function nothingIsHeld(rig: Rig): Promise<void> {
  let last: Record<string, number> = {};
  const isNothing = async (): Promise<boolean> => {
    last = await held(rig);
    return Object.values(last).every((value) => value === 0);
  };
  await eventually('nothing is held', isNothing, 10_000).catch(() => assert.fail(JSON.stringify(last)));
}

/** As many as may be at once: a place that was not given back would refuse one of them. */
async function allPlacesAreFree(
  rig: Rig,
  accounts: readonly string[],
  { 'few places': client }: Clients,
): Promise<void> {
  const areFree = async (): Promise<boolean> => {
    // On a slow machine a sound answer may be too late for the short limits, and benches keep others from being tried.
    await unbench(rig, accounts);
    const answers = await Promise.all(Array.from({ length: places }, () => client.ask({ model: 'gpt-4-slow' })));
    return answers.every(({ status }) => status === 200);
  };
  await eventually('all places are free', areFree, 15_000);
}

async function unbench(rig: Rig, accounts: readonly string[]): Promise<void> {
  for (const id of accounts) await rig.manage('POST', `/accounts/${id}/unbench`);
}

for (const manner of ['cancel', 'drain'] as const) {
  test(`nothing is held after any mix, where a client that goes means ${manner}`, async (context) => {
    await using rig = await startRig({
      keys: ['sk-test-key-000000000001', 'sk-test-key-000000000002'],
      settings: {
        ON_CLIENT_DISCONNECT: manner,
        FIRST_BYTE_TIMEOUT_MS: '150',
        STREAM_IDLE_TIMEOUT_MS: '150',
        QUEUE_TIMEOUT_MS: '300',
        MAX_BODY_BYTES_IN_FLIGHT: '600000',
      },
      script: { rpm: 1_000_000, tpm: 1_000_000_000, models: { 'gpt-4-slow': { delay_ms: 30 } } },
    });
    await rig.manage('POST', '/providers', { id: 'elsewhere', base_url: rig.mock.url });
    const other = await rig.manage<{ id: string }>('POST', '/accounts', {
      provider_id: 'elsewhere',
      label: 'Elsewhere',
      auth_data: { api_key: 'sk-test-key-000000000003' },
    });
    const accounts = [...rig.accounts, other.id];
    // Two at once: others wait in the queue.
    for (const id of accounts) await rig.manage('PATCH', `/accounts/${id}`, { limits: { max_concurrency: 2 } });
    const fallbacks = [{ provider_id: 'elsewhere', model: 'gpt-4' }];
    for (const pattern of ['gpt-fault-4*', 'gpt-fault-r*', 'gpt-fault-s*', 'gpt-4-elsewhere'])
      await rig.manage('POST', '/routes', { pattern, provider_id: 'openai', fallbacks });
    const clients: Clients = {
      'few places': await limitedClient(rig, { max_concurrency: places }),
      'a budget': await limitedClient(rig, { budget: { amount: '100' }, allows_unpriced: true }),
      none: await limitedClient(rig, {}),
    };
    const endAt = performance.now() + longestMs;
    let runs = 0;
    let acts = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 8, maxLength: 30 }), async (mix) => {
        if (performance.now() > endAt) return;
        await unbench(rig, accounts);
        await Promise.all(mix.map((one) => play(rig, clients, one)));
        await nothingIsHeld(rig);
        await allPlacesAreFree(rig, accounts, clients);
        runs += 1;
        acts += mix.length;
      }),
      // Which request meets which other is a matter of moments: a smaller example would hardly fail again.
      { numRuns: 100, endOnFailure: true },
    );
    context.diagnostic(`${runs} mixes of ${acts} requests, ${rig.mock.journal().requests} attempts`);
    await rig.stop();
    assert.equal(rig.mock.journal().open_sockets, 0, 'no socket to the upstream stays open');
  });
}
