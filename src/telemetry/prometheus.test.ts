// Holds the metrics of the process to those of the library, whose entrance is not loaded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { collectDefaults } from './prometheus.ts';

test('all that the library tells of every process is told, in the same words', async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  collectDefaults(ours);
  collectDefaultMetrics({ register: theirs });
  const told = async (registry: Registry): Promise<readonly string[]> =>
    (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('#'))
      .sort();
  assert.ok((await told(theirs)).length > 40);
  assert.deepEqual(await told(ours), await told(theirs));
});
