// Failures by peer: so many a minute are allowed, whoever fails more is told how long to wait, and memory is bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailureMeter } from './failure-meter.ts';

test('the first 20 are allowed at once, then one every three seconds', () => {
  const meter = new FailureMeter(20);
  for (let n = 0; n < 20; n += 1) assert.equal(meter.count('10.0.0.1', 1000), 0, `failure ${n + 1}`);
  assert.equal(meter.count('10.0.0.1', 1000), 3000);
  assert.equal(meter.count('10.0.0.1', 2000), 2000, 'what is refused does not count');
  assert.equal(meter.count('10.0.0.2', 2000), 0, 'another peer');
  assert.equal(meter.count('10.0.0.1', 4000), 0);
  assert.equal(meter.count('10.0.0.1', 4000), 3000);
  for (let n = 0; n < 20; n += 1) assert.equal(meter.count('10.0.0.1', 64_000), 0, 'after a minute all is forgotten');
  assert.ok(meter.count('10.0.0.1', 64_000) > 0);
});

test('addresses that one owner chooses freely count as one', () => {
  const same: [string, string][] = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:db8::1', '2001:db8:0:0:5::'],
    ['::1', '::1'],
  ];
  for (const [a, b] of same) {
    const meter = new FailureMeter(1);
    assert.equal(meter.count(a, 0), 0);
    assert.ok(meter.count(b, 0) > 0, `${a} and ${b}`);
  }
  const others: [string, string][] = [
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.2'],
    ['10.0.0.1', '10.0.0.11'],
  ];
  for (const [a, b] of others) {
    const meter = new FailureMeter(1);
    assert.equal(meter.count(a, 0), 0);
    assert.equal(meter.count(b, 0), 0, `${a} and ${b}`);
  }
});

test('10,000 peers are remembered; the one that failed longest ago is forgotten', () => {
  const meter = new FailureMeter(1);
  for (let n = 0; n < 10_000; n += 1) meter.count(`peer ${n}`, 0);
  assert.ok(meter.count('peer 0', 0) > 0);
  meter.count('one more', 0);
  assert.equal(meter.count('peer 1', 0), 0, 'forgotten');
  assert.ok(meter.count('peer 0', 0) > 0, 'remembered: it has failed since');
});
