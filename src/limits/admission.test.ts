// Tests how requests are admitted by a budget: what is injected, counted, waited for and refused, with time in the test's hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';
import { StoppedError, type StopReason } from '../core/exchange.ts';
import type { AttemptRecord } from '../core/record.ts';
import { parseRequest } from '../gateway/parse.ts';
import { Cancellation } from '../lib/cancellation.ts';
import { openPriceBook } from '../prices/book.ts';
import { listPrices } from '../providers/registry.ts';
import { MemoryLimitState } from '../shared-state/memory/memory-limit-state.ts';
import { limitedKey } from '../../test/support/client-key.ts';
import { FakeClock } from '../../test/support/clock.ts';
import type { AdmissionParts, LimitedRequest, LimitPassed } from './admission.ts';
import type { LimitTarget } from './figures.ts';
import { Limiter } from './limiter.ts';
import type { Reservation } from './reservation.ts';

const usd = 1_000_000_000;

/** gpt-4: $30 for a million tokens of prompt, $60 for one of output. */
const target: LimitTarget = {
  providerId: 'openai',
  model: 'gpt-4',
  size: { contextTokens: 8192, outputTokens: 8192, imageTokens: 1000 },
  outputLimitName: 'max_completion_tokens',
};

const output = { limitNames: ['max_completion_tokens', 'max_tokens'], defaultTokens: null } as const;

interface Desk {
  readonly clock: FakeClock;
  readonly limiter: Limiter;
  readonly passed: LimitPassed[];
  readonly reserve: (
    part: Partial<LimitedRequest> & { readonly key: ClientKey },
    body?: object,
  ) => Promise<Reservation>;
}

function open(part: Partial<AdmissionParts> = {}): Desk {
  const clock = new FakeClock();
  const passed: LimitPassed[] = [];
  const prices = openPriceBook(listPrices);
  const limiter = new Limiter({
    state: new MemoryLimitState(clock, { spentSince: async () => 0 }),
    prices: () => prices,
    clock,
    queueTimeoutMs: 20_000,
    countPrompt: async () => undefined,
    onPassed: (one) => passed.push(one),
    ...part,
  });
  return {
    clock,
    limiter,
    passed,
    reserve: (request, body = {}) =>
      limiter.reserve({
        id: 'req_1',
        shape: parseRequest(Buffer.from(JSON.stringify({ model: 'gpt-4', max_tokens: 1000, ...body }))),
        output,
        target,
        deadlineMs: clock.nowMs() + 600_000,
        cancellation: new Cancellation<StopReason>(),
        ...request,
      }),
  };
}

/** One attempt that cost so many dollars. */
function attempt(dollars: number, part: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    n: 1,
    accountId: 'acc',
    providerId: 'openai',
    model: 'gpt-4',
    startedAtMs: 0,
    status: 200,
    outcome: 'ok',
    failure: null,
    mayHaveReachedUpstream: true,
    firstByteMs: 1,
    durationMs: 1,
    usage: null,
    usageSource: 'upstream',
    rawUsage: null,
    serviceTier: null,
    reservedNanoUsd: null,
    costNanoUsd: dollars * usd,
    priceId: null,
    upstreamRequestId: null,
    ...part,
  };
}

/** The error that a reservation is refused with. */
async function refusal(reserving: Promise<Reservation>): Promise<GatewayError> {
  const error: unknown = await reserving.then(
    () => new Error('it was admitted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof GatewayError, String(error));
  return error;
}

test('a budget is held in parallel as far as it goes, and the next request waits for what comes back', async () => {
  const { clock, reserve } = open();
  // Each may cost $0.06 and a little for its prompt.
  const key = limitedKey({ budget: 0.2 * usd });
  const running = await Promise.all([1, 2, 3].map(() => reserve({ key })));
  let waiter = 'waits';
  const fourth = reserve({ key }).then((reservation) => {
    waiter = 'is in';
    return reservation;
  });
  await clock.advance(1000);
  assert.equal(waiter, 'waits');
  running[0]?.settle([attempt(0.01)]);
  await clock.advance(0);
  assert.equal(waiter, 'is in');
  for (const reservation of [...running.slice(1), await fourth]) reservation.settle([attempt(0.06)]);
  const error = await refusal(reserve({ key }));
  assert.equal(error.code, 'budget_exceeded');
  assert.equal(error.details.shouldRetry, false);
  assert.match(
    error.message,
    /"Test" may spend \$0\.20 a day; \$0\.19 is spent, and .* begins anew at 2027-01-16T00:00:00Z/u,
  );
});

test('who waits is served in order, and gives up when the time is up, the request is stopped, or all hope is gone', async () => {
  const { clock, reserve } = open();
  const key = limitedKey({ budget: 0.13 * usd });
  const first = await reserve({ key });
  const second = await reserve({ key });
  const order: string[] = [];
  const note = (name: string) => (reservation: Reservation) => {
    order.push(name);
    return reservation;
  };
  const cancellation = new Cancellation<StopReason>();
  const stopped = reserve({ key, cancellation });
  const third = reserve({ key }).then(note('third'));
  const fourth = reserve({ key }).then(note('fourth'));
  await clock.advance(10);
  cancellation.cancel('client_gone');
  await assert.rejects(stopped, StoppedError);
  first.settle([attempt(0)]);
  second.settle([attempt(0)]);
  await clock.advance(10);
  assert.deepEqual(order, ['third', 'fourth']);
  const fifth = reserve({ key });
  const tooLate = refusal(fifth);
  await clock.advance(1);
  await clock.advance(20_001);
  assert.match((await tooLate).message, /\$0\.00 is spent, \$0\.12\d* is held for requests under way/u);
  const hopeless = refusal(reserve({ key }));
  await clock.advance(1);
  (await third).settle([attempt(0.1)]);
  await clock.advance(0);
  assert.equal((await hopeless).code, 'budget_exceeded');
  (await fourth).settle([attempt(0)]);
});

test('a request that could never fit is refused at once, and so is every one where nothing waits', async () => {
  const { clock, reserve } = open({ queueTimeoutMs: 10 });
  const key = limitedKey({ budget: 0.1 * usd });
  const running = await reserve({ key });
  assert.equal((await refusal(reserve({ key }, { max_tokens: 2000 }))).code, 'budget_exceeded');
  const waiting = refusal(reserve({ key }));
  await clock.advance(1);
  await clock.advance(10);
  assert.equal((await waiting).code, 'budget_exceeded');
  running.settle([]);
  await reserve({ key });
});

test('near the end of the budget the prompt is counted, once, and only where that can help', async () => {
  let counts = 0;
  const { reserve } = open({
    countPrompt: async () => {
      counts += 1;
      return 100;
    },
  });
  const body = { max_tokens: 10, messages: [{ role: 'user', content: 'word '.repeat(800) }] };
  // 4,000 bytes are $0.12 at most; the 100 tokens and their marks $0.006.
  await reserve({ key: limitedKey({ budget: 0.2 * usd }) }, body);
  assert.equal(counts, 0);
  await reserve({ key: limitedKey({ id: 'small', budget: 0.05 * usd }) }, body);
  assert.equal(counts, 1);
  await refusal(reserve({ key: limitedKey({ id: 'tiny', budget: 0.001 * usd }) }, body));
  assert.equal(counts, 1);
});

test('a missing limit is set by what is left, by what answers usually have, and for each target anew', async () => {
  const { reserve, limiter, clock } = open();
  const key = limitedKey({ budget: 3 * usd });
  const body = { max_tokens: null };
  const capOf = async (reservation: Reservation, at = target): Promise<unknown> => {
    const terms = await reservation.attempt(at, []);
    assert.ok(!(terms instanceof GatewayError));
    return terms.outputCap;
  };
  const first = await reserve({ key }, body);
  assert.deepEqual(await capOf(first), { name: 'max_completion_tokens', tokens: 6247 });
  const small: LimitTarget = {
    ...target,
    size: { ...target.size, outputTokens: 500 },
    outputLimitName: 'max_tokens',
  };
  assert.deepEqual(await capOf(first, small), { name: 'max_tokens', tokens: 500 });
  assert.equal(await capOf(await reserve({ key }, { max_tokens: 5 })), null);
  for (let i = 0; i < 20; i += 1) {
    const usage = { prompt_tokens: 10, completion_tokens: 40, total_tokens: 50, cached_tokens: 0 };
    const details = { cache_write_tokens: 0, reasoning_tokens: 0, audio_prompt_tokens: 0, audio_completion_tokens: 0 };
    (await reserve({ key }, { max_tokens: 5 })).settle([attempt(0, { usage: { ...usage, ...details } })]);
  }
  const nearEnd = limitedKey({ budget: 0.005 * usd });
  assert.equal((await refusal(reserve({ key: { ...nearEnd, id: 'other' } }, body))).code, 'budget_exceeded');
  first.settle([]);
  await clock.advance(1);
  assert.ok(limiter.standing(key.id).requests.used > 0);
});

test('a model without a price is refused, unless the key may use it or its budget is only watched', async () => {
  const { reserve, passed } = open();
  const unknown = { ...target, model: 'nobody-knows-it' };
  const key = limitedKey({ budget: usd });
  const error = await refusal(reserve({ key, target: unknown }));
  assert.equal(error.code, 'model_not_allowed');
  assert.match(error.message, /the price of the model "nobody-knows-it" is not known/u);
  const free = await reserve({ key: { ...key, allowsUnpriced: true }, target: unknown }, { max_tokens: null });
  assert.deepEqual(await free.attempt(unknown, []), { outputCap: null, reservedNanoUsd: 0 });
  // At a fallback with a price it is held to the budget again.
  const priced = await free.attempt(target, []);
  assert.ok(!(priced instanceof GatewayError) && priced.outputCap?.tokens === 8192);
  await reserve({ key: { ...key, budgetMode: 'shadow' }, target: unknown });
  assert.deepEqual(
    passed.map(({ limit, mode }) => `${limit} ${mode}`),
    ['budget enforce', 'budget shadow'],
  );
});

test('each further attempt is reserved for, as long as what the ones before cost is not known', async () => {
  const { reserve } = open();
  const key = limitedKey({ budget: 0.13 * usd });
  const reservation = await reserve({ key });
  const first = await reservation.attempt(target, []);
  assert.ok(!(first instanceof GatewayError));
  const unknown = attempt(0, { costNanoUsd: null, status: null, reservedNanoUsd: first.reservedNanoUsd });
  assert.ok(!((await reservation.attempt(target, [unknown])) instanceof GatewayError));
  const third = await reservation.attempt(target, [unknown, unknown]);
  assert.ok(third instanceof GatewayError && third.code === 'budget_exceeded');
  const answered = { ...unknown, status: 500 };
  const unsent = { ...unknown, mayHaveReachedUpstream: false };
  assert.ok(!((await reservation.attempt(target, [unknown, answered, unsent])) instanceof GatewayError));
});

test('a watched budget changes nothing of a request, and says what it would have refused', async () => {
  const { reserve, passed } = open();
  const key = limitedKey({ budget: 1000, budgetMode: 'shadow' });
  const reservation = await reserve({ key }, { max_tokens: null });
  const terms = await reservation.attempt(target, []);
  assert.ok(!(terms instanceof GatewayError));
  assert.equal(terms.outputCap, null);
  assert.deepEqual(passed, [{ requestId: 'req_1', keyId: key.id, limit: 'budget', mode: 'shadow' }]);
});

test('rates are refused at once, with the longest wait among them, also where money is missing too', async () => {
  const { clock, reserve, passed } = open();
  const key = limitedKey({ rpm: 2, tpm: 3000, maxConcurrency: 2 });
  await reserve({ key });
  await clock.advance(10_000);
  await reserve({ key }, { max_tokens: 500 });
  const error = await refusal(reserve({ key }, { max_tokens: 2900 }));
  assert.deepEqual([error.code, error.type, error.status], ['rate_limit_exceeded', 'tokens', 429]);
  assert.equal(error.details.retryAfterMs, 60_000);
  assert.match(error.message, /3000 tokens a minute/u);
  assert.equal(passed.at(-1)?.limit, 'tokens');
  const poor = limitedKey({ id: 'poor', rpm: 1, budget: 0.1 * usd });
  await reserve({ key: poor });
  assert.equal((await refusal(reserve({ key: poor }))).code, 'budget_exceeded');
});

test('where the spending cannot be read in time, a budgeted request is refused for now', async () => {
  const clock = new FakeClock();
  const silent = open({
    clock,
    state: new MemoryLimitState(clock, { spentSince: () => new Promise(() => {}) }),
  });
  const key = limitedKey({ budget: usd });
  const waiting = refusal(silent.reserve({ key, deadlineMs: clock.nowMs() + 600_000 }));
  await clock.advance(251);
  assert.equal((await waiting).code, 'storage_unavailable');
  const broken = open({
    clock,
    state: new MemoryLimitState(clock, {
      spentSince: async () => {
        throw new Error('disk');
      },
    }),
  });
  assert.equal((await refusal(broken.reserve({ key, deadlineMs: clock.nowMs() + 1000 }))).code, 'storage_unavailable');
});
