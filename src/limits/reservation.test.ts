// Tests what each attempt of a request may do: the limit of its answer, and the money that covers it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../core/errors.ts';
import { soon } from '../lib/soon.ts';
import { limitedKey } from '../../test/support/client-key.ts';
import { attempt, openDesk, refusal, target, usd } from '../../test/support/limiter-desk.ts';
import type { LimitTarget } from './figures.ts';
import type { Reservation } from './reservation.ts';

test('a missing limit is set by what is left, by what answers usually have, and for each target anew', async () => {
  const { reserve, limiter, clock, finish } = openDesk();
  const key = limitedKey({ budget: 3 * usd });
  const body = { max_tokens: null };
  const capOf = async (reservation: Reservation, at = target): Promise<unknown> => {
    const terms = await reservation.attempt(at);
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
    finish(await reserve({ key }, { max_tokens: 5 }), [attempt(0, { usage: { ...usage, ...details } })]);
  }
  const nearEnd = limitedKey({ budget: 0.005 * usd });
  assert.equal((await refusal(reserve({ key: { ...nearEnd, id: 'other' } }, body))).code, 'budget_exceeded');
  finish(first, []);
  await clock.advance(1);
  assert.ok(limiter.standing(key.id).requests.used > 0);
});

test('a model without a price is refused, unless the key may use it or its budget is only watched', async () => {
  const { reserve, passed } = openDesk();
  const unknown = { ...target, model: 'nobody-knows-it' };
  const key = limitedKey({ budget: usd });
  const error = await refusal(reserve({ key, target: unknown }));
  assert.equal(error.code, 'model_not_allowed');
  assert.match(error.message, /the price of the model "nobody-knows-it" is not known/u);
  const free = await reserve({ key: { ...key, allowsUnpriced: true }, target: unknown }, { max_tokens: null });
  assert.deepEqual(await free.attempt(unknown), { outputCap: null, reservedNanoUsd: 0 });
  // At a fallback with a price it is held to the budget again.
  const priced = await free.attempt(target);
  assert.ok(!(priced instanceof GatewayError) && priced.outputCap?.tokens === 8192);
  await reserve({ key: { ...key, budgetMode: 'shadow' }, target: unknown });
  assert.deepEqual(
    passed.map(({ limit, mode }) => `${limit} ${mode}`),
    ['budget enforce', 'budget shadow'],
  );
});

test('each further attempt is reserved for, as long as what the ones before cost is not known', async () => {
  const { reserve, attemptsOf } = openDesk();
  const reservation = await reserve({ key: limitedKey({ budget: 0.13 * usd }) });
  const first = await reservation.attempt(target);
  assert.ok(!(first instanceof GatewayError));
  const unknown = attempt(0, { costNanoUsd: null, status: null, reservedNanoUsd: first.reservedNanoUsd });
  const made = attemptsOf(reservation);
  made.push(unknown);
  assert.ok(!((await reservation.attempt(target)) instanceof GatewayError));
  made.push({ ...unknown, status: 500 }, { ...unknown, mayHaveReachedUpstream: false });
  assert.ok(!((await reservation.attempt(target)) instanceof GatewayError));
  made.push(unknown);
  const last = await reservation.attempt(target);
  assert.ok(last instanceof GatewayError && last.code === 'budget_exceeded');
});

test('what one vocabulary has counted is no bound for a model with another one', async () => {
  const { reserve } = openDesk({ countPrompt: async () => 100 });
  const body = { max_tokens: 10, messages: [{ role: 'user', content: 'word '.repeat(800) }] };
  const reservation = await reserve({ key: limitedKey({ budget: 0.02 * usd }) }, body);
  const at = async (encoding: LimitTarget['encoding']): Promise<unknown> => {
    const terms = await reservation.attempt({ ...target, encoding });
    return terms instanceof GatewayError ? terms.code : terms.reservedNanoUsd;
  };
  // Some 190 tokens at $30 for a million, and ten of an answer at $60.
  const counted = await at('cl100k_base');
  assert.ok(typeof counted === 'number' && counted < 0.01 * usd);
  for (const other of ['o200k_base', undefined] as const)
    assert.equal(await at(other), 'budget_exceeded', String(other));
});

test('a prompt is not counted where the vocabulary of its model is not certain', async () => {
  const { reserve } = openDesk({ countPrompt: async () => assert.fail('it was counted') });
  const body = { max_tokens: 10, messages: [{ role: 'user', content: 'word '.repeat(800) }] };
  const foreign = { ...target, encoding: undefined };
  const error = await refusal(reserve({ key: limitedKey({ budget: 0.02 * usd }), target: foreign }, body));
  assert.equal(error.code, 'budget_exceeded');
});

test('a tier that a provider serves unasked is reserved for there from then on, and nowhere else', async () => {
  const { reserve, finish } = openDesk();
  const key = limitedKey({ budget: usd });
  const at = (providerId: string): LimitTarget => ({ ...target, providerId, model: 'gpt-4o' });
  const reserved = async (first: string, last: string, body: object = {}): Promise<number> => {
    const reservation = await reserve({ key, target: at(first) }, { max_tokens: 1000, ...body });
    const terms = await reservation.attempt(at(last));
    assert.ok(!(terms instanceof GatewayError));
    finish(reservation, []);
    return Math.round((terms.reservedNanoUsd ?? 0) / usd / 0.001);
  };
  // A thousand tokens of gpt-4o are $0.010, in priority $0.017.
  assert.equal(await reserved('a', 'a'), 10);
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cached_tokens: 0 };
  const details = { cache_write_tokens: 0, reasoning_tokens: 0, audio_prompt_tokens: 0, audio_completion_tokens: 0 };
  const served = attempt(0, { providerId: 'b', serviceTier: 'priority', usage: { ...usage, ...details } });
  finish(await reserve({ key, target: at('b') }, { service_tier: 'priority' }), [served]);
  assert.equal(await reserved('b', 'b'), 10, 'it was asked for');
  finish(await reserve({ key, target: at('b') }, { service_tier: 'auto' }), [served]);
  assert.equal(await reserved('b', 'b'), 17);
  assert.equal(await reserved('b', 'b', { service_tier: 'default' }), 17);
  assert.equal(await reserved('b', 'b', { service_tier: 'flex' }), 10);
  assert.equal(await reserved('a', 'a'), 10);
  assert.equal(await reserved('a', 'b'), 17, 'as a fallback');
  assert.equal(await reserved('b', 'a'), 10);
});

test('the place of a call that was cut short stays taken for the moment that the upstream needs to notice', async () => {
  const { clock, reserve, attemptsOf, finish } = openDesk();
  const key = limitedKey({ maxConcurrency: 1 });
  const cut = attempt(0, { outcome: 'client_cancelled' });
  for (const [made, isHeld] of [
    [[attempt(0)], false],
    [[cut], true],
    [[{ ...cut, status: null, outcome: 'timeout' }], true],
    [[{ ...cut, status: 500, outcome: 'upstream_error' }], false],
    [[{ ...cut, mayHaveReachedUpstream: false, status: null }], false],
    [[cut, attempt(0)], false],
  ] as const) {
    const reservation = await reserve({ key });
    finish(reservation, made);
    const next = reserve({ key });
    if (isHeld) assert.equal((await refusal(next)).type, 'concurrency');
    await clock.advance(25);
    finish(isHeld ? await reserve({ key }) : await next, []);
  }
  const retrying = await reserve({ key });
  attemptsOf(retrying).push(cut);
  let isReady = false;
  const second = soon(retrying.attempt(target), () => (isReady = true));
  await clock.advance(24);
  assert.equal(isReady, false);
  await clock.advance(1);
  await second;
});

test('a watched budget changes nothing of a request, and says what it would have refused', async () => {
  const { reserve, passed } = openDesk();
  const key = limitedKey({ budget: 1000, budgetMode: 'shadow' });
  const reservation = await reserve({ key }, { max_tokens: null });
  const terms = await reservation.attempt(target);
  assert.ok(!(terms instanceof GatewayError));
  assert.equal(terms.outputCap, null);
  assert.deepEqual(passed, [{ requestId: 'req_1', keyId: key.id, limit: 'budget', mode: 'shadow' }]);
});
