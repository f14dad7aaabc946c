// Holds the tallies to what the library's own metrics say of the same numbers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AggregatorRegistry, Counter, Histogram, Registry, type Metric } from 'prom-client';
import { Distribution, Tally } from './tallies.ts';

const help = 'What is "counted" \\ here.';
const label = fc.constantFrom('a', 'b "c"', 'd\\e', '');

async function told(...metrics: readonly unknown[]): Promise<readonly string[]> {
  const registry = new Registry();
  for (const metric of metrics) registry.registerMetric(metric as Metric);
  const json = await registry.getMetricsAsJSON();
  return [await registry.metrics(), await AggregatorRegistry.aggregate([json, json]).metrics()];
}

test('a tally says what a counter says', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(100), label, fc.nat(2), label)), async (list) => {
      const of = { name: 'x_total', help, labelNames: ['one', 'two', 'three'] };
      const tally = new Tally(of);
      const counter = new Counter({ ...of, registers: [] });
      for (const [amount, one, two, three] of list) {
        tally.add(amount, one, two, three);
        counter.inc({ one, two, three }, amount);
      }
      assert.deepEqual(await told(tally), await told(counter));
    }),
    { numRuns: 50 },
  ));

test('a tally with fewer labels says no others', async () => {
  const of = { name: 'x_total', help, labelNames: ['one'] };
  const tally = new Tally(of);
  const counter = new Counter({ ...of, registers: [] });
  assert.deepEqual(await told(tally), await told(counter));
  tally.add(0, 'a');
  counter.inc({ one: 'a' }, 0);
  assert.deepEqual(await told(tally), await told(counter));
});

test('what is not kept is as if it had never been counted, and may come again', async () => {
  const of = { name: 'x_total', help, labelNames: ['one', 'two', 'three'] };
  const tally = new Tally(of);
  const counter = new Counter({ ...of, registers: [] });
  for (const two of ['kept', 'gone', 'kept']) tally.add(2, 'a', two, 'c');
  tally.keep(({ two }) => two === 'kept');
  tally.add(3, 'a', 'kept', 'c');
  counter.inc({ one: 'a', two: 'kept', three: 'c' }, 7);
  assert.deepEqual(await told(tally), await told(counter));
  tally.add(1, 'a', 'gone', 'c');
  counter.inc({ one: 'a', two: 'gone', three: 'c' }, 1);
  assert.deepEqual(await told(tally), await told(counter));
});

test('a distribution says what a histogram says', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(0, 0.5, 1, 1.5, 10, 11), label)), async (list) => {
      const of = { name: 'x_seconds', help, labelNames: ['one'] };
      const bounds = [0.5, 1, 10];
      const distribution = new Distribution(of, bounds);
      const histogram = new Histogram({ ...of, buckets: bounds, registers: [] });
      for (const [value, one] of list) {
        distribution.add(value, one);
        histogram.observe({ one }, value);
      }
      assert.deepEqual(await told(distribution), await told(histogram));
    }),
    { numRuns: 50 },
  ));
