// The client goes, in each of the six phases of a request: the upstream is closed at once and nothing more is sent.
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { questionBody } from '../ask.ts';
import type { ChaosRig } from '../rig.ts';
import type { Outcome, Scenario } from '../scenario.ts';
import { bothModes, type Mode, type Scene } from '../scene.ts';

/** The upstream must be closed, and the queue left, this soon after the client has gone. */
const closeLimitMs = 500;
/** Longer than any backoff that a request could still be in. */
const quietMs = 900;
const phaseLimitMs = 15_000;
const pollMs = 2;

/** No limit of the gateway ends what the client is to end. */
const patient = {
  FIRST_BYTE_TIMEOUT_MS: '60000',
  STREAM_IDLE_TIMEOUT_MS: '60000',
  CONNECT_TIMEOUT_MS: '60000',
} as const;

/** How a client goes: with a reset, or by closing its side. */
const endings: Readonly<Record<string, (socket: Socket) => void>> = {
  RST: (socket) => void socket.resetAndDestroy(),
  FIN: (socket) => void socket.end(),
};

interface Phase {
  readonly name: string;
  readonly scene: (mode: Mode) => Scene;
  /** Clients that were there before, and hold what the one that goes waits for. */
  readonly holders?: number;
  /** Calls of the upstream when the phase is reached, those of the holders included. */
  readonly calls: number;
  /** The request has got as far as the phase says; `received` is what the client has of the answer so far. */
  readonly isReached: (rig: ChaosRig, received: number) => boolean;
  /** How long to look on afterwards. */
  readonly quietMs?: number;
}

const phases: readonly Phase[] = [
  {
    name: 'queued',
    scene: () => ({ maxConcurrency: 1, answer: { chunks: 100_000, chunk_delay_ms: 50 } }),
    holders: 2,
    calls: 2,
    isReached: () => true,
  },
  {
    name: 'backing off',
    // The second account fails as the first did, and names a rest before it may be asked again.
    scene: () => ({ fault: '503-retry-after@2', afflicts: 'every account' }),
    calls: 2,
    isReached: (rig) => rig.calls().filter(({ open }) => !open).length === 2,
    quietMs: 2600,
  },
  {
    name: 'connecting',
    scene: () => ({ primary: 'never shakes hands' }),
    calls: 1,
    isReached: (rig) => rig.silent?.open() === 1,
  },
  {
    name: 'waiting for headers',
    scene: () => ({ fault: 'silence-before-headers' }),
    calls: 1,
    isReached: (rig) => rig.calls().length === 1,
  },
  {
    name: 'waiting for the first token',
    scene: (mode) => ({ fault: mode === 'streamed' ? 'role-then-silence' : 'silence-after-headers' }),
    calls: 1,
    isReached: (rig) => rig.calls()[0]?.status === 200,
  },
  {
    name: 'in the middle of the answer',
    scene: () => ({ fault: 'silence-mid-stream' }),
    calls: 1,
    isReached: (rig, received) =>
      rig.calls()[0]?.stream === true ? received > 500 : (rig.calls()[0]?.bytes_out ?? 0) > 0,
  },
];

/** The scenarios of clients that go. */
export const disconnectScenarios: readonly Scenario[] = phases.map((phase) => ({
  name: `client gone while ${phase.name}`,
  modes: bothModes,
  scene: (mode) => ({ fallbacks: 'none', settings: patient, ...phase.scene(mode) }),
  play: (rig, mode) => play(phase, rig, mode),
}));

async function play(phase: Phase, rig: ChaosRig, mode: Mode): Promise<Outcome> {
  const problems: string[] = [];
  let slowestMs = 0;
  let attempts = 0;
  for (const [ending, leave] of Object.entries(endings)) {
    const before = callsOf(rig);
    const { tookMs, further } = await leaveOnce(phase, rig, mode, leave);
    slowestMs = Math.max(slowestMs, tookMs);
    attempts += callsOf(rig) - before - (phase.holders ?? 0);
    if (tookMs > closeLimitMs)
      problems.push(`${ending}: still busy ${Math.round(tookMs)} ms after the client had gone`);
    if (further > 0) problems.push(`${ending}: ${further} further calls after the client had gone`);
    rig.beginAnew();
  }
  const clientSaw = `left by ${Object.keys(endings).join(' and ')}; all closed within ${Math.ceil(slowestMs)} ms`;
  return { clientSaw, requests: 2, attempts, duplicates: 0, problems };
}

/** One client comes and goes; how long the gateway went on for it, and how many calls it began for it afterwards. */
async function leaveOnce(
  phase: Phase,
  rig: ChaosRig,
  mode: Mode,
  leave: (socket: Socket) => void,
): Promise<{ tookMs: number; further: number }> {
  const holders: Socket[] = [];
  for (let n = 0; n < (phase.holders ?? 0); n += 1) {
    holders.push(await send(rig, 'streamed'));
    await until('the holders are served', () => callsOf(rig) === n + 1);
  }
  const silentBefore = rig.silent?.total() ?? 0;
  const calls = (): number => (rig.silent === undefined ? rig.calls().length : rig.silent.total() - silentBefore);
  const open = (): number =>
    rig.silent === undefined ? rig.calls().filter((call) => call.open).length : rig.silent.open();
  const client = await send(rig, mode);
  let received = 0;
  client.on('data', (chunk: Buffer) => (received += chunk.length));
  await until(`the client is ${phase.name}`, () => phase.isReached(rig, received) && calls() === phase.calls);
  await until('the gateway has the request', async () => (await inFlight(rig)) === holders.length + 1);
  leave(client);
  const leftAt = performance.now();
  using lateness = measureLateness();
  await until('the upstream is closed', () => open() <= holders.length);
  await until('the gateway is done with the request', async () => (await inFlight(rig)) <= holders.length);
  // The gateway is in this process: what the machine kept from it is none of its delay.
  const tookMs = performance.now() - leftAt - lateness.totalMs();
  // What the holders held is free now: nobody must take it for the client that has gone.
  for (const holder of holders) holder.resetAndDestroy();
  await delay(phase.quietMs ?? quietMs);
  client.destroy();
  return { tookMs, further: calls() - phase.calls };
}

/** How long in sum this process came to its timers too late, because others had the processor. */
function measureLateness(): Disposable & { totalMs(): number } {
  let dueAt = performance.now() + pollMs;
  let lateMs = 0;
  const late = (): number => Math.max(performance.now() - dueAt - pollMs, 0);
  const timer = setInterval(() => {
    lateMs += late();
    dueAt = performance.now() + pollMs;
  }, pollMs);
  return { totalMs: () => lateMs + late(), [Symbol.dispose]: () => clearInterval(timer) };
}

/** Calls so far, or connections where the upstream is silent. */
function callsOf(rig: ChaosRig): number {
  return rig.silent?.total() ?? rig.calls().length;
}

/** Sends the question over a bare connection, so that the scenario decides how it ends. */
function send({ url, model }: ChaosRig, mode: Mode): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const body = questionBody(model, mode);
  const head = ['POST /v1/chat/completions HTTP/1.1', `host: ${host}`, 'content-type: application/json'];
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(`${head.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      resolve(socket);
    });
    socket.on('error', () => {});
  });
}

/** Requests that the gateway has under way. */
async function inFlight({ url }: ChaosRig): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^aigateway_requests_in_flight (\d+)/mu.exec(text)?.[1] ?? Number.NaN);
}

/** Waits for a condition; throws where it does not come. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endAt = performance.now() + phaseLimitMs;
  while (!(await holds())) {
    if (performance.now() > endAt) throw new Error(`not within ${phaseLimitMs} ms: ${what}`);
    await delay(pollMs);
  }
}
