// Tests that time follows the machine's clock and never steps back, whatever is done to that clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SteadyWallTime } from './clock.ts';

/** A machine whose clock can be set, and that can sleep. */
class Machine {
  wallMs = 1_800_000_000_000;
  steadyMs = 5000;
  readonly time = new SteadyWallTime(
    () => this.wallMs,
    () => this.steadyMs,
  );

  run(ms: number): number {
    this.wallMs += ms;
    this.steadyMs += ms;
    return this.time.nowMs();
  }

  get aheadMs(): number {
    return this.time.nowMs() - this.wallMs;
  }
}

test('what the machine slept through has passed', () => {
  const machine = new Machine();
  machine.run(10_000);
  machine.wallMs += 8 * 3_600_000;
  machine.run(1000);
  assert.equal(machine.aheadMs, 0);
});

test('a clock that was wrong when the gateway started is followed once it is right', () => {
  const machine = new Machine();
  machine.wallMs += 40 * 365 * 86_400_000;
  machine.run(1000);
  assert.equal(machine.aheadMs, 0);
});

test('a correction of less than a second moves nothing', () => {
  const machine = new Machine();
  machine.wallMs -= 900;
  machine.run(60_000);
  assert.equal(machine.aheadMs, 900);
  machine.wallMs += 1800;
  machine.run(60_000);
  assert.equal(machine.aheadMs, -900);
});

test('a clock that is put back is waited for, at nine tenths of its pace', () => {
  const machine = new Machine();
  machine.wallMs -= 60_000;
  let last = machine.run(1000);
  for (let i = 0; i < 300; i += 1) {
    const now = machine.run(1000);
    assert.ok(Math.abs(now - last - 900) < 0.01);
    last = now;
  }
  for (let i = 0; i < 310; i += 1) machine.run(1000);
  assert.ok(Math.abs(machine.aheadMs) <= 100, `${machine.aheadMs} ms ahead`);
  const before = machine.time.nowMs();
  assert.ok(Math.abs(machine.run(1000) - before - 1000) < 0.01);
});

test('it never steps back, and what it tells does not go further off', () => {
  const events = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('run'), ms: fc.integer({ min: 0, max: 100_000 }) }),
      fc.record({ kind: fc.constant('set'), ms: fc.integer({ min: -10_000_000, max: 10_000_000 }) }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(events, (list) => {
      const machine = new Machine();
      let last = machine.time.nowMs();
      for (const { kind, ms } of list) {
        if (kind === 'set') {
          machine.wallMs += ms;
          continue;
        }
        const offMs = Math.abs(machine.aheadMs);
        const now = machine.run(ms);
        assert.ok(now >= last, `${now} after ${last}`);
        // A second is tolerated; what has caught up may go slower until it is compared again, a second later.
        assert.ok(Math.abs(machine.aheadMs) <= Math.max(offMs, 1000) + 100.01, `${machine.aheadMs} ms ahead`);
        last = now;
      }
    }),
  );
});

test('a time that is held stands still, and then it is as late as it would have been', () => {
  const machine = new Machine();
  const heldMs = machine.run(10);
  machine.time.hold();
  assert.equal(machine.run(300), heldMs);
  // The next step has its own.
  machine.time.hold();
  assert.equal(machine.run(200), heldMs + 300);
  machine.time.letGo();
  assert.equal(machine.time.nowMs(), heldMs + 500);
});
