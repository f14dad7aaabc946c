// Thousands of streams that break at random: none ends as if it were whole, OpenAI's clients throw, and each has its outcome.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import OpenAI, { APIError } from 'openai';
import type { ModelScript } from '../../src/mock/script.ts';
import { eventually } from '../support/await.ts';
import { startProgramRig, type ProgramRig, type RequestLine } from '../support/program-rig.ts';
import { installPythonClient, openaiVersion } from '../support/python.ts';
import { chat, testKey } from '../support/rig.ts';

const run = promisify(execFile);

const streams = 1000;
const forPython = 50;
const atATime = 20;
/** Content chunks of a whole answer; slow enough that a reset finds the bytes before it read. */
const length = { chunks: 20, chunk_delay_ms: 1 };

/** What a client saw of one stream. */
interface Seen {
  readonly model: string;
  readonly requestId: string | null;
  readonly content: string;
  readonly finishReasons: readonly string[];
  readonly error: unknown;
}

/** Where things stand in the bytes of a whole stream. */
interface Places {
  readonly firstContentEnd: number;
  readonly finishEnd: number;
  readonly end: number;
  /** All that it says. */
  readonly content: string;
}

/** Names are equally long, so that the streams are too. */
const nameOf = (family: string, n: number): string => `gpt-${family}-${String(n).padStart(4, '0')}`;

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** Numbers in [0, 1) that the seed decides (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    const mixed = Math.imul(state ^ (state >>> 15), state | 1);
    const final = mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61));
    return ((final ^ (final >>> 14)) >>> 0) / 4_294_967_296;
  };
}

let rig: ProgramRig;
let places: Places;
/** The byte at which each stream of the family `reset` is reset. */
const resetAt = new Map<string, number>();

/** Measured at the fake OpenAI itself, with the body that the gateway sends. */
async function measure(): Promise<Places> {
  const body = { ...chat(nameOf('reset', 9999)), stream: true, stream_options: { include_usage: true } };
  const headers = { authorization: `Bearer ${testKey}` };
  const answer = await fetch(`${rig.mock.url}/v1/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const endOfEvent = (from: number): number => text.indexOf('\n\n', from) + 2;
  return {
    firstContentEnd: endOfEvent(endOfEvent(0)),
    finishEnd: endOfEvent(text.indexOf('"finish_reason":"stop"')),
    end: Buffer.byteLength(text),
    content: [...text.matchAll(/"delta":\{"content":"([^"]*)"\}/gu)].map(([, piece]) => piece).join(''),
  };
}

before(async () => {
  rig = await startProgramRig({ keys: [testKey, 'sk-test-key-000000000002'], script: length });
  places = await measure();
  const random = randomFrom(seed);
  const between = (first: number, last: number): number => first + Math.floor(random() * (last - first + 1));
  const models: Record<string, ModelScript> = {};
  // Only the first attempt is broken: what fails before content is for the other account to mend.
  const breakOnce = (model: string, fault: string): void => {
    models[model] = { fault: { fault, first: 1 } };
  };
  const unfinished = (n: number, least: number): string =>
    n % 2 === 0 ? 'no-finish-reason' : `cut-mid-stream@${between(least, length.chunks)}`;
  for (let n = 0; n < streams; n += 1) {
    const at = between(0, places.end);
    resetAt.set(nameOf('reset', n), at);
    breakOnce(nameOf('reset', n), `reset-mid-stream@${at}`);
    breakOnce(nameOf('unend', n), unfinished(n, 0));
  }
  for (let n = 0; n < forPython; n += 1) {
    breakOnce(nameOf('pyrst', n), `reset-mid-stream@${between(places.firstContentEnd, places.finishEnd - 1)}`);
    breakOnce(nameOf('pyend', n), unfinished(n, 1));
  }
  rig.mock.setScript({ ...length, models });
});

after(() => rig[Symbol.asyncDispose]());

async function read(client: OpenAI, model: string): Promise<Seen> {
  let requestId: string | null = null;
  let content = '';
  const finishReasons: string[] = [];
  try {
    const { data, response } = await client.chat.completions
      .create({ model, messages: [{ role: 'user', content: 'count' }], stream: true })
      .withResponse();
    requestId = response.headers.get('x-aigateway-request-id');
    for await (const { choices } of data) {
      for (const { delta, finish_reason: reason } of choices) {
        content += delta.content ?? '';
        if (reason !== null) finishReasons.push(reason);
      }
    }
  } catch (error) {
    if (error instanceof APIError) requestId ??= error.headers?.get('x-aigateway-request-id') ?? null;
    return { model, requestId, content, finishReasons, error };
  }
  return { model, requestId, content, finishReasons, error: undefined };
}

async function readAll(models: readonly string[]): Promise<Seen[]> {
  const client = new OpenAI({ apiKey: 'sk-client-side-key-0000', baseURL: `${rig.url}/v1`, maxRetries: 0 });
  const seen: Seen[] = [];
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let model = models[next++]; model !== undefined; model = models[next++]) seen.push(await read(client, model));
  };
  await Promise.all(Array.from({ length: atATime }, reader));
  return seen;
}

/** The log's line about each request, by its id. */
async function linesOf(seen: readonly Seen[]): Promise<ReadonlyMap<string | null, RequestLine>> {
  let lines = new Map<string | null, RequestLine>();
  await eventually('every request has its line in the log', () => {
    lines = new Map(rig.requestLines().map((line) => [line.request_id, line]));
    return seen.every(({ requestId }) => lines.has(requestId));
  });
  return lines;
}

interface Tally {
  interrupted: number;
  mended: number;
  whole: number;
}

/** Holds every stream to the law; `isFinishSent` says whether the first attempt's upstream sent its finish reason. */
async function judge(seen: readonly Seen[], isFinishSent: (model: string) => boolean): Promise<Tally> {
  const lines = await linesOf(seen);
  const tally = { interrupted: 0, mended: 0, whole: 0 };
  for (const { model, requestId, content, finishReasons, error } of seen) {
    const line = lines.get(requestId);
    const what = `${model}, seed ${seed}, reset at ${resetAt.get(model)} of ${JSON.stringify(places)}`;
    assert.ok(line, what);
    if (error === undefined) {
      assert.deepEqual([content, finishReasons], [places.content, ['stop']], what);
      assert.equal(line.outcome, 'ok', what);
      assert.equal(line.attempts === 1, isFinishSent(model), what);
      if (line.attempts === 1) tally.whole += 1;
      else tally.mended += 1;
    } else {
      assert.ok(error instanceof APIError, what);
      assert.equal(error.code, 'upstream_stream_interrupted', what);
      assert.deepEqual(finishReasons, [], what);
      assert.ok(content !== '' && places.content.startsWith(content), what);
      assert.deepEqual([line.outcome, line.attempts], ['stream_interrupted', 1], what);
      assert.equal(isFinishSent(model), false, what);
      tally.interrupted += 1;
    }
  }
  return tally;
}

suite('with OpenAI’s client for Node', () => {
  test('1,000 streams that are reset at random bytes', async (context) => {
    const seen = await readAll([...resetAt.keys()]);
    const tally = await judge(seen, (model) => (resetAt.get(model) ?? 0) >= places.finishEnd);
    context.diagnostic(`seed ${seed}: ${JSON.stringify(tally)}`);
    assert.ok(tally.interrupted > 500 && tally.mended > 20 && tally.whole > 20, JSON.stringify(tally));
  });

  test('1,000 streams that end without a finish reason', async (context) => {
    const seen = await readAll(Array.from({ length: streams }, (_, n) => nameOf('unend', n)));
    const tally = await judge(seen, () => false);
    context.diagnostic(`seed ${seed}: ${JSON.stringify(tally)}`);
    assert.ok(tally.interrupted > 900 && tally.whole === 0, JSON.stringify(tally));
  });
});

interface PythonSeen {
  readonly version: string;
  readonly streams: readonly {
    readonly model: string;
    readonly content: string;
    readonly finish_reasons: readonly string[];
    readonly error: { readonly class: string; readonly code: string } | null;
  }[];
}

test('with OpenAI’s client for Python, 100 of both kinds', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'aigateway-python-'));
  try {
    const installed = await installPythonClient(join(folder, 'environment'));
    if ('reason' in installed) {
      if (process.env['CI']) assert.fail(installed.reason);
      context.skip(installed.reason);
      return;
    }
    const names = ['pyrst', 'pyend'].flatMap((family) =>
      Array.from({ length: forPython }, (_, n) => nameOf(family, n)),
    );
    const list = join(folder, 'models.json');
    await writeFile(list, JSON.stringify(names));
    const script = join(import.meta.dirname, 'python', 'broken_streams.py');
    const { stdout } = await run(installed.path, [script, rig.url, list], { timeout: 120_000 });
    const seen = JSON.parse(stdout) as PythonSeen;
    assert.equal(seen.version, openaiVersion);
    assert.equal(seen.streams.length, names.length);
    for (const { model, content, finish_reasons: reasons, error } of seen.streams) {
      assert.deepEqual(error, { class: 'APIError', code: 'upstream_stream_interrupted' }, `${model}, seed ${seed}`);
      assert.deepEqual(reasons, [], model);
      assert.ok(content !== '' && places.content.startsWith(content), model);
    }
    const outcomes = new Set(
      rig.requestLines().flatMap(({ model, outcome }) => (names.includes(model ?? '') ? [outcome] : [])),
    );
    assert.deepEqual([...outcomes], ['stream_interrupted']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
