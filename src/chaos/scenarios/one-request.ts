// One request that meets one fault: healed by the other account or by a fallback where it can be, said honestly where it cannot.
import { ask } from '../ask.ts';
import { describeSight, duplicatesIn, problemsOf, type Expected } from '../judge.ts';
import type { ChaosRig } from '../rig.ts';
import type { Outcome, Scenario } from '../scenario.ts';
import { bothModes, type Mode, type Scene } from '../scene.ts';

/** What the client is to see, and how many attempts it is to cost. */
type Expectation = Expected & { readonly attempts: number };

interface Row {
  readonly name: string;
  readonly scene: Scene;
  /** By mode; a mode that is not here is not played. */
  readonly expected: Partial<Record<Mode, Expectation>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The account is left alone afterwards: the next request does not meet it. */
  readonly benches?: boolean;
  /** The longest that the answer may take. */
  readonly withinMs?: number;
}

const healed: Expectation = { sees: 'whole answer', attempts: 2 };
const served: Expectation = { sees: 'whole answer', attempts: 1 };
const inBothModes = (expectation: Expectation): Row['expected'] => ({ streamed: expectation, whole: expectation });
const brokenOff = (code: string): Expectation => ({ sees: 'broken stream', code, attempts: 1 });
const refused = (status: number, code: string, attempts = 1): Expectation => ({
  sees: 'error',
  status,
  code,
  attempts,
});
const buffered = { 'x-aigateway-stream': 'buffered' };

const rows: readonly Row[] = [
  { name: '429 with Retry-After', scene: { fault: '429@60' }, expected: inBothModes(healed), benches: true },
  { name: '429 without Retry-After', scene: { fault: '429-bare' }, expected: inBothModes(healed) },
  { name: 'bad key', scene: { fault: '401' }, expected: inBothModes(healed), benches: true },
  { name: 'model missing on one account', scene: { fault: '404-model' }, expected: inBothModes(healed), benches: true },
  {
    name: 'request too large',
    scene: { fault: '429-request-too-large', fallbacks: 'none' },
    expected: inBothModes(refused(429, 'rate_limit_exceeded')),
  },
  {
    name: '400 content policy',
    scene: { fault: '400-content-policy', fallbacks: 'none' },
    expected: inBothModes(refused(400, 'content_policy_violation')),
  },
  {
    name: 'connection refused, fallback target',
    scene: { primary: 'refuses connections', fallbacks: 'another provider' },
    expected: inBothModes({ sees: 'whole answer', attempts: 3 }),
  },
  {
    name: 'connection refused, no fallback',
    scene: { primary: 'refuses connections', fallbacks: 'none' },
    expected: inBothModes(refused(502, 'upstream_unavailable', 3)),
  },
  { name: 'reset before headers', scene: { fault: 'reset-before-headers' }, expected: inBothModes(healed) },
  { name: 'silence before headers', scene: { fault: 'silence-before-headers' }, expected: inBothModes(healed) },
  { name: 'slow first token', scene: { fault: 'slow-first-token@20000' }, expected: inBothModes(healed) },
  {
    name: 'error inside a 200, before content',
    scene: { fault: 'role-then-error' },
    expected: inBothModes(healed),
  },
  {
    name: 'error after content',
    scene: { fault: 'error-mid-stream' },
    expected: { streamed: brokenOff('upstream_stream_interrupted') },
  },
  {
    name: 'cut answer',
    scene: { fault: 'cut-mid-stream' },
    expected: { streamed: brokenOff('upstream_stream_interrupted'), whole: healed },
  },
  {
    name: 'stalled answer',
    scene: { fault: 'silence-mid-stream' },
    expected: { streamed: brokenOff('upstream_stream_stalled'), whole: healed },
  },
  {
    name: 'malformed chunk',
    scene: { fault: 'malformed-event' },
    expected: { streamed: brokenOff('upstream_invalid_response'), whole: healed },
  },
  { name: 'malformed chunk before content', scene: { fault: 'malformed-event@0' }, expected: { streamed: healed } },
  {
    name: 'complete without [DONE]',
    // Anything but finishing at once would take the idle limit.
    scene: { fault: 'no-done', settings: { STREAM_IDLE_TIMEOUT_MS: '20000' } },
    expected: { streamed: served },
    withinMs: 5000,
  },
  {
    name: 'buffered: cut answer rescued',
    scene: { fault: 'cut-mid-stream' },
    expected: { streamed: healed },
    headers: buffered,
  },
  {
    name: 'buffered: stalled answer rescued',
    scene: { fault: 'silence-mid-stream' },
    expected: { streamed: healed },
    headers: buffered,
  },
];

/** The scenarios of one request. */
export const oneRequestScenarios: readonly Scenario[] = rows.map((row) => ({
  name: row.name,
  modes: bothModes.filter((mode) => row.expected[mode] !== undefined),
  scene: () => row.scene,
  play: (rig, mode) => play(row, rig, mode),
}));

async function play(row: Row, rig: ChaosRig, mode: Mode): Promise<Outcome> {
  const expected = row.expected[mode];
  if (expected === undefined) throw new Error(`${row.name} is not played ${mode}`);
  const sight = await ask(rig, mode, row.headers);
  const calls = rig.calls();
  const told = Number(sight.headers['x-aigateway-attempts']);
  // A refused connection is an attempt that no journal knows.
  const attempts = rig.scene.primary === undefined ? calls.length : told;
  const problems = problemsOf(expected, sight);
  if (attempts !== expected.attempts) problems.push(`${attempts} attempts instead of ${expected.attempts}`);
  if (told !== attempts) problems.push(`the answer tells of ${told} attempts`);
  if (row.withinMs !== undefined && sight.tookMs > row.withinMs)
    problems.push(`the answer took ${Math.round(sight.tookMs)} ms`);
  if (row.benches === true) problems.push(...(await askAgain(rig, mode)));
  return {
    clientSaw: describeSight(sight),
    requests: 1,
    attempts,
    duplicates: duplicatesIn(sight, calls),
    problems,
  };
}

async function askAgain(rig: ChaosRig, mode: Mode): Promise<string[]> {
  const problems = problemsOf({ sees: 'whole answer' }, await ask(rig, mode)).map((what) => `the next request ${what}`);
  const asked = rig.calls().filter(({ key }) => key === 'faulty').length;
  return asked === 1 ? problems : [...problems, `the account was asked ${asked} times, not once`];
}
