// Tests how requests are admitted: what is counted, waited for and refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoppedError, type StopReason } from '../core/exchange.ts';
import { Cancellation } from '../lib/cancellation.ts';
import { MemoryLimitState } from '../shared-state/memory/memory-limit-state.ts';
import { limitedKey } from '../../test/support/client-key.ts';
import { FakeClock } from '../../test/support/clock.ts';
import { attempt, openDesk, refusal, usd } from '../../test/support/limiter-desk.ts';
import type { Reservation } from './reservation.ts';

test('a budget is held in parallel as far as it goes, and the next request waits for what comes back', async () => {
  const { clock, reserve, finish } = openDesk();
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
  finish(running[0] as Reservation, [attempt(0.01)]);
  await clock.advance(0);
  assert.equal(waiter, 'is in');
  for (const reservation of [...running.slice(1), await fourth]) finish(reservation, [attempt(0.06)]);
  const error = await refusal(reserve({ key }));
  assert.equal(error.code, 'budget_exceeded');
  assert.equal(error.details.shouldRetry, false);
  assert.match(
    error.message,
    /"Test" may spend \$0\.20 a day; \$0\.19 is spent, and .* begins anew at 2027-01-16T00:00:00Z/u,
  );
});

test('who waits is served in order, and gives up when the time is up, the request is stopped, or all hope is gone', async () => {
  const { clock, reserve, finish } = openDesk();
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
  finish(first, [attempt(0)]);
  finish(second, [attempt(0)]);
  await clock.advance(10);
  assert.deepEqual(order, ['third', 'fourth']);
  const fifth = reserve({ key });
  const tooLate = refusal(fifth);
  await clock.advance(1);
  await clock.advance(20_001);
  assert.match((await tooLate).message, /\$0\.00 is spent, \$0\.12\d* is held for requests under way/u);
  const hopeless = refusal(reserve({ key }));
  await clock.advance(1);
  finish(await third, [attempt(0.1)]);
  await clock.advance(0);
  assert.equal((await hopeless).code, 'budget_exceeded');
  finish(await fourth, [attempt(0)]);
});

test('a request that could never fit is refused at once, and so is every one where nothing waits', async () => {
  const { clock, reserve, finish } = openDesk({ queueTimeoutMs: 10 });
  const key = limitedKey({ budget: 0.1 * usd });
  const running = await reserve({ key });
  assert.equal((await refusal(reserve({ key }, { max_tokens: 2000 }))).code, 'budget_exceeded');
  const waiting = refusal(reserve({ key }));
  await clock.advance(1);
  await clock.advance(10);
  assert.equal((await waiting).code, 'budget_exceeded');
  finish(running, []);
  await reserve({ key });
});

test('near the end of the budget the prompt is counted, once, and only where that can help', async () => {
  let counts = 0;
  const { reserve } = openDesk({
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

test('a prompt that was counted is not counted again, however often its request is asked for', async () => {
  let counts = 0;
  const { clock, reserve, finish } = openDesk({
    countPrompt: async () => {
      counts += 1;
      return 100;
    },
  });
  const key = limitedKey({ budget: 0.05 * usd });
  // Each holds some $0.023; what waits needs $0.006 when it has been counted.
  const first = await reserve({ key }, { max_tokens: 370 });
  const second = await reserve({ key }, { max_tokens: 370 });
  const waiting = reserve({ key }, { max_tokens: 10, messages: [{ role: 'user', content: 'word '.repeat(800) }] });
  await clock.advance(1);
  assert.equal(counts, 1);
  finish(first, [attempt(0.022)]);
  await clock.advance(1);
  finish(second, []);
  await clock.advance(1);
  finish(await waiting, []);
  assert.equal(counts, 1);
});

test('rates are refused at once, with the longest wait among them, also where money is missing too', async () => {
  const { clock, reserve, passed } = openDesk();
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
  const silent = openDesk({
    clock,
    state: new MemoryLimitState(clock, {
      spentSince: () => new Promise(() => {}),
      spentByGone: async () => undefined,
      sync: async () => {},
    }),
  });
  const key = limitedKey({ budget: usd });
  const waiting = refusal(silent.reserve({ key, deadlineMs: clock.nowMs() + 600_000 }));
  await clock.advance(1001);
  assert.equal((await waiting).code, 'storage_unavailable');
  // Those who come later are not kept waiting.
  const later = refusal(silent.reserve({ key, deadlineMs: clock.nowMs() + 600_000 }));
  await clock.advance(0);
  assert.equal((await later).code, 'storage_unavailable');
  const broken = openDesk({
    clock,
    state: new MemoryLimitState(clock, {
      spentSince: async () => {
        throw new Error('disk');
      },
      spentByGone: async () => undefined,
      sync: async () => {},
    }),
  });
  assert.equal((await refusal(broken.reserve({ key, deadlineMs: clock.nowMs() + 1000 }))).code, 'storage_unavailable');
});

test('where the spending cannot be read, a budget that is only watched keeps nobody out, and the limits beside it hold', async () => {
  const clock = new FakeClock();
  const history = {
    spentSince: async () => {
      throw new Error('disk');
    },
    spentByGone: async () => undefined,
    sync: async () => {},
  };
  const { reserve } = openDesk({ clock, state: new MemoryLimitState(clock, history) });
  const key = limitedKey({ rpm: 2, budget: usd, budgetMode: 'shadow' });
  const deadlineMs = clock.nowMs() + 600_000;
  for (let i = 0; i < 2; i += 1) {
    const reservation = await reserve({ key, deadlineMs });
    assert.equal(reservation.period, null);
  }
  assert.equal((await refusal(reserve({ key, deadlineMs }))).code, 'rate_limit_exceeded');
});

test('what is granted after nobody waits for it any more is given back', async () => {
  const clock = new FakeClock();
  const { state } = openDesk({ clock });
  const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>();
  const slow = openDesk({
    clock,
    state: {
      reserve: async (key, demand) => {
        await new Promise<void>((resolve) => void clock.after(1500, resolve));
        const decision = await state.reserve(key, demand);
        assert.ok(decision.isAdmitted);
        hold();
        return decision;
      },
      money: (key, period) => state.money(key, period),
      standing: (keyId) => state.standing(keyId),
      onFreed: (keyId, listener) => state.onFreed(keyId, listener),
    },
  });
  const key = limitedKey({ maxConcurrency: 1, rpm: 1, budget: usd });
  const refused = refusal(slow.reserve({ key, deadlineMs: clock.nowMs() + 600_000 }));
  await clock.advance(0);
  await clock.advance(1001);
  assert.equal((await refused).code, 'storage_unavailable');
  await clock.advance(1000);
  await isHeld;
  await clock.advance(0);
  assert.equal(state.standing(key.id).requests.used, 0);
  const next = openDesk({ clock, state });
  assert.ok(await next.reserve({ key, deadlineMs: clock.nowMs() + 600_000 }));
});
