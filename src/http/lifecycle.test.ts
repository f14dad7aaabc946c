// Tests how long the end of a gateway takes, by a clock that stands still.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import type { StopReason } from '../core/exchange.ts';
import { Cancellation } from '../lib/cancellation.ts';
import { Lifecycle } from './lifecycle.ts';

/** A request that notes when it is told to stop, and ends with that. */
function running(lifecycle: Lifecycle, clock: FakeClock): { readonly stoppedAtMs: () => number | undefined } {
  const exchange = { cancellation: new Cancellation<StopReason>(), rosterPlace: -1 };
  let stoppedAtMs: number | undefined;
  exchange.cancellation.onCancel(() => {
    stoppedAtMs = clock.nowMs();
    lifecycle.end(exchange);
  });
  lifecycle.begin(exchange);
  return { stoppedAtMs: () => stoppedAtMs };
}

test('what runs may go on for the drain limit after the end was announced, the second of the open listener included', async () => {
  for (const [limitMs, closesAfterMs] of [
    [20_000, 1000],
    [1500, 1000],
    [300, 300],
    [0, 0],
  ] as const) {
    const clock = new FakeClock();
    const lifecycle = new Lifecycle();
    lifecycle.open();
    const { stoppedAtMs } = running(lifecycle, clock);
    const beganAtMs = clock.nowMs();
    let closedAtMs: number | undefined;
    const listener = { close: () => void (closedAtMs = clock.nowMs()), closeAll: () => {} };
    const drained = lifecycle.drain(listener, clock, limitMs);
    for (let i = 0; i <= limitMs / 100 + 20; i += 1) await clock.advance(100);
    assert.equal(closedAtMs, beganAtMs + closesAfterMs, `closed with a limit of ${limitMs} ms`);
    assert.equal(stoppedAtMs(), beganAtMs + limitMs, `stopped with a limit of ${limitMs} ms`);
    await drained;
  }
});
