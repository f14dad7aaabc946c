// Answers that were cut: each is on record once, with the tokens that the upstream sent, within 10 %.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { startProgramRig, type ProgramRig, type RequestLine } from '../support/program-rig.ts';

const words =
  'the river runs slow under old stone bridges while small boats carry bread and salt from one quiet town to another';

function question(length: number): string {
  return Array.from({ length }, (_, i) => words.split(' ')[i % 21]).join(' ');
}

interface Run {
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** Chunks with content to wait for before the client leaves. */
  readonly chunks: number;
}

function chatRun(model: string, chunks: number, more: Record<string, unknown> = {}): Run {
  const body = { model, stream: true, messages: [{ role: 'user', content: question(30) }], ...more };
  return { path: '/v1/chat/completions', body, chunks };
}

interface Left {
  readonly id: string;
  /** The request's id at the fake OpenAI. */
  readonly upstreamId: string;
}

/** Reads until so many chunks with content have come, then leaves. */
async function leave(rig: ProgramRig, { path, body, chunks }: Run): Promise<Left> {
  const aborter = new AbortController();
  const response = await rig.post(path, body, {}, aborter.signal);
  const reader = response.body?.getReader();
  let text = '';
  const hasAll = (): boolean => text.split(/"content":"[^"]|"text":"[^"]|"arguments":"[^"]/u).length > chunks;
  while (!hasAll()) {
    const { value, done } = (await reader?.read()) ?? { done: true };
    if (done) throw new Error(`the stream ended before ${chunks} chunks`);
    text += Buffer.from(value).toString();
  }
  aborter.abort();
  const header = (name: string): string => response.headers.get(name) ?? '';
  return { id: header('x-aigateway-request-id'), upstreamId: header('x-request-id') };
}

async function lineOf(rig: ProgramRig, { id }: Left): Promise<RequestLine> {
  const find = (): RequestLine[] => rig.requestLines().filter(({ request_id: other }) => other === id);
  await eventually('the request is settled', () => find().length > 0, 10_000);
  const lines = find();
  assert.equal(lines.length, 1);
  return lines[0]!;
}

async function lastLine(rig: ProgramRig): Promise<RequestLine> {
  await eventually('a request is settled', () => rig.requestLines().length > 0, 10_000);
  return rig.requestLines().at(-1)!;
}

function assertNear(what: string, actual: number | undefined, expected: number): void {
  assert.ok(expected > 0, `${what}: nothing was sent`);
  assert.ok(Math.abs((actual ?? 0) - expected) <= expected * 0.1, `${what}: ${actual}, and ${expected} were sent`);
}

const random = (from: number, to: number): number => from + Math.floor(Math.random() * (to - from + 1));

/** 100 runs against an upstream that stands still after k chunks, 100 against one that goes on. */
test('a client leaves after k chunks, 200 times', async () => {
  // Slow enough that what is sent while the client's leaving is on its way, on a machine with other work too, is no tenth.
  const pace = { chunk_delay_ms: 100, chunks: 500 };
  await using rig = await startProgramRig({ script: { chunks: 500, models: { 'gpt-4o': pace, 'gpt-4': pace } } });
  const runs = Array.from({ length: 200 }, (_, i): Run => {
    const isStanding = i % 2 === 0;
    const chunks = isStanding ? random(1, 60) : random(20, 30);
    const content = question(random(1, 200));
    const model = isStanding ? `gpt-fault-silence-mid-stream@${chunks}` : i % 3 === 0 ? 'gpt-4' : 'gpt-4o';
    return i % 4 < 2
      ? chatRun(model, chunks, { messages: [{ role: 'user', content }], n: random(1, 2) })
      : { path: '/v1/completions', body: { model, stream: true, prompt: content, max_tokens: 400 }, chunks };
  });
  const left: Left[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let run = runs[next++]; run !== undefined; run = runs[next++]) left.push(await leave(rig, run));
  };
  await Promise.all(Array.from({ length: 40 }, client));
  await eventually('every run is settled', () => rig.requestLines().length >= 200, 20_000);
  assert.equal(rig.requestLines().length, 200);
  const lines = new Map(rig.requestLines().map((line) => [line.request_id, line]));
  const entries = new Map(rig.mock.journal().entries.map((entry) => [entry.request_id, entry]));
  assert.equal(lines.size, 200);
  for (const { id, upstreamId } of left) {
    const line = lines.get(id);
    const entry = entries.get(upstreamId);
    assert.deepEqual([line?.outcome, line?.usage_source], ['client_cancelled', 'estimated']);
    assertNear(`${upstreamId}, prompt`, line?.prompt_tokens, entry?.prompt_tokens ?? 0);
    assertNear(`${upstreamId}, completion`, line?.completion_tokens, entry?.completion_tokens_sent ?? 0);
  }
});

suite('a client leaves', () => {
  test('a long answer, of which only the end is kept', async () => {
    await using rig = await startProgramRig({ script: { chunks: 20_000 } });
    const line = await lineOf(rig, await leave(rig, chatRun('gpt-fault-silence-mid-stream@15000', 15_000)));
    assert.equal(line.completion_tokens, 15_000);
  });

  test('in the middle of a tool call', async () => {
    await using rig = await startProgramRig();
    const properties = Object.fromEntries(words.split(' ').map((word) => [word, { type: 'string' }]));
    const tools = [{ type: 'function', function: { name: 'note', parameters: { type: 'object', properties } } }];
    const run = chatRun('gpt-fault-silence-mid-stream@40', 39, { tools });
    const line = await lineOf(rig, await leave(rig, run));
    assertNear('completion', line.completion_tokens, rig.mock.journal().entries[0]?.completion_tokens_sent ?? 0);
  });

  for (const stream of [true, false])
    test(`before the first word, ${stream ? 'streamed' : 'whole'}: the prompt counts`, async () => {
      await using rig = await startProgramRig();
      const aborter = new AbortController();
      const { path, body } = chatRun('gpt-fault-silence-before-headers', 0, { stream });
      const asked = rig.post(path, body, {}, aborter.signal).catch(() => undefined);
      await eventually('it waits', () => rig.mock.journal().entries.length === 1);
      aborter.abort();
      await asked;
      const { outcome, usage_source: source, prompt_tokens: prompt, completion_tokens: said } = await lastLine(rig);
      assert.deepEqual([outcome, source, prompt, said], ['client_cancelled', 'estimated', 37, 0]);
    });

  for (const stream of [true, false])
    test(`while the gateway drains, ${stream ? 'streamed' : 'whole'}: the upstream's word counts, once, at the end`, async () => {
      const settings = { ON_CLIENT_DISCONNECT: 'drain' };
      await using rig = await startProgramRig({ settings, script: { chunks: 40, chunk_delay_ms: 10, delay_ms: 300 } });
      const aborter = new AbortController();
      const { path, body } = chatRun('gpt-4o', 3, { stream });
      if (stream) await leave(rig, { path, body, chunks: 3 });
      else {
        const asked = rig.post(path, body, {}, aborter.signal).catch(() => undefined);
        await eventually('it waits', () => rig.mock.journal().entries.length === 1);
        aborter.abort();
        await asked;
      }
      assert.deepEqual(rig.requestLines(), []);
      const line = await lastLine(rig);
      const [entry] = rig.mock.journal().entries;
      assert.deepEqual([entry?.finished, entry?.completion_tokens], [true, 40]);
      assert.deepEqual(
        [line.outcome, line.usage_source, line.prompt_tokens, line.completion_tokens],
        ['client_cancelled', 'upstream', entry?.prompt_tokens, 40],
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(rig.requestLines().length, 1);
    });

  test('and the gateway ends while it drains: what came is estimated, and nobody waits a minute', async () => {
    await using rig = await startProgramRig({
      settings: { ON_CLIENT_DISCONNECT: 'drain' },
      script: { chunks: 100 },
    });
    // The counting thread may be slow to start, and then the end would not wait for it.
    const { path, body } = chatRun('gpt-fault-usage-missing', 0);
    await (await rig.post(path, body)).text();
    await lastLine(rig);
    await leave(rig, chatRun('gpt-fault-silence-mid-stream@12', 12));
    rig.program.process.kill('SIGTERM');
    const startedAt = performance.now();
    assert.equal(await rig.program.exit, 0);
    assert.ok(performance.now() - startedAt < 10_000);
    const { outcome, usage_source: source, prompt_tokens: prompt, completion_tokens: said } = await lastLine(rig);
    assert.deepEqual([outcome, source, prompt, said], ['client_cancelled', 'estimated', 37, 12]);
  });
});

suite('an upstream', () => {
  test('falls silent in the middle: what it sent is estimated', async () => {
    const settings = { STREAM_IDLE_TIMEOUT_MS: '1000' };
    await using rig = await startProgramRig({ settings, script: { chunks: 100 } });
    const { path, body } = chatRun('gpt-fault-silence-mid-stream@9', 0);
    assert.match(await (await rig.post(path, body)).text(), /upstream_stream_stalled/u);
    const { outcome, usage_source: source, completion_tokens: said } = await lastLine(rig);
    assert.deepEqual([outcome, source, said], ['stream_interrupted', 'estimated', 9]);
  });

  test('that fails before the first word costs nothing', async () => {
    const bad = 'sk-bad-key-000000000001';
    const good = 'sk-good-key-00000000001';
    await using rig = await startProgramRig({
      keys: [bad, good],
      script: { keys: { [bad]: { fault: 'role-then-cut' } } },
    });
    const { path, body } = chatRun('gpt-4o', 0);
    const response = await rig.post(path, body);
    assert.match(await response.text(), /\[DONE\]/u);
    const line = await lastLine(rig);
    assert.deepEqual([line.attempts, line.usage_source, line.prompt_tokens], [2, 'upstream', 37]);
  });

  test('that breaks a buffered stream is paid, and so is the one that mends it', async () => {
    const bad = 'sk-bad-key-000000000001';
    const good = 'sk-good-key-00000000001';
    const keys = { [bad]: { fault: 'cut-mid-stream@6' } };
    await using rig = await startProgramRig({ keys: [bad, good], script: { keys, chunks: 20 } });
    const { path, body } = chatRun('gpt-4o', 0);
    const response = await rig.post(path, body, { 'x-aigateway-stream': 'buffered' });
    assert.match(await response.text(), /\[DONE\]/u);
    const line = await lastLine(rig);
    assert.deepEqual(
      [line.outcome, line.attempts, line.usage_source, line.prompt_tokens, line.completion_tokens],
      ['ok', 2, 'estimated', 74, 26],
    );
  });
});
