// What an attempt used, in every way that it can end.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { failureOf, type FailureKind } from '../core/failure.ts';
import type { AttemptRecord } from '../core/record.ts';
import type { CountedKind } from '../core/token-estimator.ts';
import { TokenRatios } from '../core/token-ratio.ts';
import { noContent } from '../limits/content.ts';
import { KeptPrompt } from './kept-prompt.ts';
import { nothingHeard, type Heard } from './reception.ts';
import { isEstimateDue, UsageTally, type Ending } from './tally.ts';

const served: Ending = {
  status: 200,
  mayHaveReachedUpstream: true,
  isAnswered: true,
  hasContent: true,
  failure: null,
};
const failed = { ...served, isAnswered: false, hasContent: false };

const endings: Readonly<Record<string, readonly [Ending, boolean]>> = {
  'whole, without usage': [served, true],
  'whole, and no words in it': [{ ...served, hasContent: false }, true],
  'cut after the commit': [{ ...served, failure: 'connection_failed' }, true],
  'cut while it was held back': [{ ...failed, hasContent: true, failure: 'idle_timeout' }, true],
  'failed before any content': [{ ...failed, failure: 'connection_failed' }, false],
  'silent before any content': [{ ...failed, failure: 'first_byte_timeout' }, false],
  'an error': [{ ...failed, status: 500, failure: 'upstream_error' }, false],
  'an error that the client did not wait for': [{ ...failed, status: 429, failure: 'client_gone' }, false],
  'a redirect': [{ ...served, status: 300 }, false],
  'the last of the successes': [{ ...served, status: 299 }, true],
  'the first of them': [{ ...served, status: 200 }, true],
  'less than a success': [{ ...served, status: 199 }, false],
  'no connection': [{ ...failed, status: null, mayHaveReachedUpstream: false, failure: 'connection_failed' }, false],
  'the client left before the connection': [
    { ...failed, status: null, mayHaveReachedUpstream: false, failure: 'client_gone' },
    false,
  ],
  'the client left while the model was reading': [{ ...failed, status: null, failure: 'client_gone' }, true],
  'the client left before the first word': [{ ...failed, failure: 'client_gone' }, true],
  "the client's time was up before the first word": [{ ...failed, failure: 'deadline_passed' }, true],
  'the gateway stopped before the first word': [{ ...failed, failure: 'shutdown' }, true],
};

suite('an estimate is due where the upstream has charged', () => {
  for (const [name, [ending, isDue]] of Object.entries(endings))
    test(`${name}: ${isDue ? 'yes' : 'no'}`, () => assert.equal(isEstimateDue(ending), isDue));
});

/** Counts 1 for each byte of a run, 100 for an answer, 1000 for a prompt. */
const counted: Readonly<Record<CountedKind, (bytes: Uint8Array) => number>> = {
  runs: ({ length }) => length,
  answer: () => 100,
  prompt: () => 1000,
  largest_prompt: () => 2000,
};

interface Case {
  readonly heard?: Partial<Heard>;
  readonly failure?: FailureKind;
  readonly isAnswered?: boolean;
  readonly says?: readonly string[];
  readonly ratios?: TokenRatios;
  readonly onRuns?: (runs: Uint8Array) => void;
  readonly body?: string;
}

async function book({
  heard,
  failure: kind,
  isAnswered = true,
  says = [],
  ratios = new TokenRatios(),
  onRuns,
  body = '{}',
}: Case): Promise<AttemptRecord> {
  const record: AttemptRecord = {
    n: 1,
    accountId: 'acc',
    providerId: 'p',
    model: 'm',
    startedAtMs: 0,
    status: 200,
    outcome: 'unknown',
    failure: null,
    mayHaveReachedUpstream: true,
    reservedNanoUsd: null,
    firstByteMs: null,
    durationMs: 0,
    usage: null,
    usageSource: 'none',
    rawUsage: null,
    serviceTier: null,
    upstreamRequestId: null,
    costNanoUsd: null,
    priceId: null,
  };
  const estimator = {
    count(kindOf: CountedKind, encoding: string, bytes: Uint8Array) {
      assert.equal(encoding, 'cl100k_base');
      return Promise.resolve(counted[kindOf](bytes));
    },
  };
  const tally = new UsageTally({ estimator, ratios }, 'm', 'cl100k_base', onRuns);
  for (const text of says) tally.text.add(0, 0, Buffer.from(text), 0, text.length);
  const failure = kind === undefined ? null : failureOf(kind, 'x');
  const all = { ...nothingHeard, ...heard };
  const result = isAnswered
    ? ({ kind: 'answered', outcome: 'ok', errorCode: null, failure, heard: all } as const)
    : ({
        kind: 'failed',
        failure: failure ?? failureOf('connection_failed', 'x'),
        answer: undefined,
        heard: all,
      } as const);
  const bytes = Buffer.from(body);
  await tally.book(record, result, new KeptPrompt(bytes, noContent(bytes)));
  return record;
}

const rawUsage = '{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":5}}';
/** A run's head is 4 bytes. */
const booked: Readonly<Record<string, readonly [Case, source: string, prompt?: number, completion?: number]>> = {
  'what the upstream says': [{ heard: { rawUsage }, says: ['abc'] }, 'upstream', 7, 3],
  'explicit zeros': [
    { heard: { rawUsage: '{"prompt_tokens":0,"completion_tokens":0}' }, says: ['abc'] },
    'upstream',
    0,
    0,
  ],
  'a stream without usage': [{ says: ['abc', 'de'] }, 'estimated', 1000, 9],
  'an unreadable usage': [{ heard: { rawUsage: '{"prompt_tokens":"x"}' }, says: ['a'] }, 'estimated', 1000, 5],
  'a long cut stream': [
    { says: ['x'.repeat(40_000), 'y'.repeat(40_000), 'z'], failure: 'idle_timeout' },
    'estimated',
    1000,
    80_001 + 12,
  ],
  'a whole answer without usage': [{ heard: { body: Buffer.from('{"choices":[]}') } }, 'estimated', 1000, 100],
  'an embedding without usage': [{ heard: { body: Buffer.from('{"data":[]}') } }, 'estimated', 1000, 0],
  'a cut whole answer': [
    { heard: { body: Buffer.from('{"choices":[{') }, isAnswered: false, failure: 'connection_failed' },
    'estimated',
    1000,
    100,
  ],
  'an empty answer': [{ heard: { body: Buffer.from('{') }, isAnswered: false, failure: 'invalid_response' }, 'none'],
  'usage that came before the last words': [
    { heard: { rawUsage, isUsageStale: true }, says: ['abcdef'], failure: 'connection_failed' },
    'estimated',
    7,
    10,
  ],
  'usage that says more than was heard': [
    { heard: { rawUsage: '{"prompt_tokens":7,"completion_tokens":99}', isUsageStale: true }, says: ['a'] },
    'estimated',
    7,
    99,
  ],
};

suite('the books say of', () => {
  for (const [name, [what, source, prompt, completion]] of Object.entries(booked))
    test(name, async () => {
      const { usageSource, usage } = await book(what);
      assert.deepEqual(
        [usageSource, usage?.prompt_tokens, usage?.completion_tokens, usage?.total_tokens],
        [source, prompt, completion, prompt === undefined ? undefined : prompt + (completion ?? 0)],
      );
    });
});

test('the tier and the usage as it came are on the record, whatever became of the answer', async () => {
  const heard = { rawUsage, serviceTier: 'flex', isUsageStale: true };
  for (const isAnswered of [true, false]) {
    const record = await book({ heard, isAnswered, says: ['a'], failure: 'connection_failed' });
    assert.deepEqual([record.rawUsage, record.serviceTier, record.usage?.cached_tokens], [rawUsage, 'flex', 5]);
  }
});

test('what a prompt really had teaches how long prompts of its model are', async () => {
  const ratios = new TokenRatios();
  const body = 'x'.repeat(8000);
  const before = ratios.tokensOf('m', 100_000);
  await book({ ratios, body, heard: { rawUsage: '{"prompt_tokens":4000,"completion_tokens":1}' } });
  assert.ok(ratios.tokensOf('m', 100_000) > before, 'two bytes a token are fewer than is usual');
  assert.equal(ratios.tokensOf('other', 100_000), before);
  const learned = ratios.tokensOf('m', 100_000);
  await book({ ratios, body, says: ['a'] });
  assert.equal(ratios.tokensOf('m', 100_000), learned, 'an estimate teaches nothing');
});

test('what is too long to be kept is heard before it is counted', async () => {
  let heard = 0;
  await book({ says: ['x'.repeat(40_000), 'y'], onRuns: ({ length }) => (heard += length), failure: 'idle_timeout' });
  assert.equal(heard, 40_000 + 4);
});

test('an estimate keeps what the upstream said of the kinds of tokens, and makes up none', async () => {
  const said = { prompt_tokens: 1, completion_tokens: 90 };
  const details = {
    prompt_tokens_details: { cached_tokens: 1, cache_write_tokens: 1, audio_tokens: 1 },
    completion_tokens_details: { reasoning_tokens: 20, audio_tokens: 30 },
  };
  const report = JSON.stringify({ ...said, ...details });
  const known = await book({ heard: { rawUsage: report, isUsageStale: true }, says: ['a'], failure: 'idle_timeout' });
  assert.deepEqual(known.usage, {
    prompt_tokens: 1,
    completion_tokens: 90,
    total_tokens: 91,
    cached_tokens: 1,
    cache_write_tokens: 1,
    reasoning_tokens: 20,
    audio_prompt_tokens: 1,
    audio_completion_tokens: 30,
  });
  const unknown = await book({ says: ['abc'] });
  assert.deepEqual(unknown.usage, {
    prompt_tokens: 1000,
    completion_tokens: 7,
    total_tokens: 1007,
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    audio_prompt_tokens: 0,
    audio_completion_tokens: 0,
  });
});
