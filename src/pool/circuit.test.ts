// The circuit: when it opens, for how long, and whom it lets through to try.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Circuit } from './circuit.ts';

const now = 1_000_000;

function opened(): Circuit {
  const circuit = new Circuit();
  for (let i = 0; i < 5; i += 1) circuit.fail('answered 500', now, false);
  return circuit;
}

test('opens at five failures within 30 s that are more than half of the calls', () => {
  const circuit = new Circuit();
  for (let i = 0; i < 4; i += 1) circuit.fail('x', now, false);
  assert.equal(circuit.state(now), 'closed');
  circuit.fail('x', now, false);
  assert.equal(circuit.state(now), 'open');
  assert.equal(circuit.lets(now), false);

  const mixed = new Circuit();
  for (let i = 0; i < 20; i += 1) {
    mixed.succeed(now, false);
    mixed.fail('x', now, false);
    assert.equal(mixed.state(now), 'closed', 'half is not over half');
  }

  const slow = new Circuit();
  for (let i = 0; i < 20; i += 1) slow.fail('x', now + i * 10_000, false);
  assert.equal(slow.state(now + 200_000), 'closed', 'one every ten seconds is not five within thirty');
});

test('opens for 10 s, doubling to 5 min, and lets one request try each time', () => {
  const circuit = opened();
  let atMs = now;
  for (const openMs of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
    assert.equal(circuit.lets(atMs + openMs - 1), false);
    atMs += openMs;
    assert.equal(circuit.state(atMs), 'half_open');
    assert.equal(circuit.lets(atMs), true);
    assert.equal(circuit.begin(atMs), true);
    assert.equal(circuit.lets(atMs), false, 'only one');
    circuit.fail('still', atMs, true);
    assert.equal(circuit.state(atMs), 'open');
  }
});

test('closes when the request that tries succeeds, and starts over', () => {
  const circuit = opened();
  circuit.begin(now + 10_000);
  circuit.succeed(now + 10_500, true);
  assert.equal(circuit.state(now + 10_500), 'closed');
  for (let i = 0; i < 5; i += 1) circuit.fail('x', now + 11_000, false);
  assert.equal(circuit.openUntilMs, now + 21_000);
});

test('stragglers do not prolong it; a try that says nothing leaves the place to the next', () => {
  const circuit = opened();
  circuit.fail('straggler', now + 9000, false);
  assert.equal(circuit.openUntilMs, now + 10_000);
  circuit.begin(now + 10_000);
  circuit.forget();
  assert.equal(circuit.lets(now + 10_000), true);
});

test('stragglers neither close it nor end the try of another', () => {
  const circuit = opened();
  circuit.succeed(now + 1000, false);
  assert.equal(circuit.state(now + 1000), 'open');
  assert.equal(circuit.begin(now + 10_000), true);
  circuit.succeed(now + 10_000, false);
  circuit.fail('straggler', now + 10_000, false);
  assert.equal(circuit.state(now + 10_000), 'half_open');
  assert.equal(circuit.lets(now + 10_000), false, 'the try is still under way');
});

test('lets others follow when its try is being answered, and is open longer where that was in vain', () => {
  const circuit = opened();
  circuit.begin(now + 10_000);
  circuit.close();
  assert.equal(circuit.lets(now + 10_000), true);
  for (let i = 0; i < 5; i += 1) circuit.fail('cut', now + 11_000, false);
  assert.equal(circuit.openUntilMs, now + 31_000);
});

test('what another gateway’s circuit says makes nothing shorter, and has never begun in the future', () => {
  const circuit = opened();
  circuit.begin(now + 10_000);
  circuit.fail('still', now + 10_000, true);
  // Its clock is ahead of ours, and its circuit has opened but once.
  const other = { reason: 'theirs', sinceMs: now + 45_000, untilMs: now + 60_000, openings: 1 };
  circuit.adopt(other, now + 40_000);
  assert.equal(circuit.openedAtMs, now + 40_000);
  circuit.begin(now + 60_000);
  circuit.fail('still', now + 60_000, true);
  assert.equal(circuit.openUntilMs, now + 100_000, 'the third opening, not the second');
});
