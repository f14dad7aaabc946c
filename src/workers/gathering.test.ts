// What a scrape gets of several workers: the whole, also when one is silent, and never less than before when one is gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricReport } from '../core/metric-report.ts';
import { FakeClock } from '../../test/support/clock.ts';
import { Gathering } from './gathering.ts';

const report = (count: number, gauge = 1): readonly MetricReport[] => [
  { name: 'done', help: '', type: 'counter', aggregator: 'sum', values: [{ labels: { a: 1 }, value: count }] },
  { name: 'open', help: '', type: 'gauge', aggregator: 'sum', values: [{ labels: {}, value: gauge }] },
  {
    name: 'took',
    help: '',
    type: 'histogram',
    aggregator: 'sum',
    values: [
      { labels: { le: 1 }, value: count, metricName: 'took_bucket' },
      { labels: {}, value: count, metricName: 'took_count' },
    ],
  },
];

/** The sum of a metric over reports; undefined where none has it. */
function sum(reports: readonly (readonly MetricReport[])[], name: string): number | undefined {
  const values = reports.flat().filter((metric) => metric.name === name);
  return values.length === 0 ? undefined : values.flatMap((m) => m.values).reduce((all, { value }) => all + value, 0);
}

function begin() {
  const clock = new FakeClock();
  const asked: (readonly [worker: number, n: number])[] = [];
  const gathering = new Gathering(clock, (worker, n) => asked.push([worker, n]));
  const answers: (readonly (readonly MetricReport[])[])[] = [];
  const gather = (own: number, others: readonly number[]): void =>
    gathering.begin(1, report(own), others, (reports) => answers.push(reports));
  return { clock, asked, gathering, answers, gather };
}

test('the answer comes when all have reported, and is that of the others', () => {
  const { gathering, answers, asked, gather } = begin();
  gather(5, [2, 3]);
  assert.deepEqual(asked, [
    [2, 1],
    [3, 1],
  ]);
  gathering.reported(2, 1, report(7));
  assert.equal(answers.length, 0);
  gathering.reported(3, 1, report(11));
  assert.equal(sum(answers[0] ?? [], 'done'), 18);
  assert.equal(sum(answers[0] ?? [], 'open'), 2);
});

test('nobody else: an answer at once', () => {
  const { answers, gather } = begin();
  gather(5, []);
  assert.equal(answers.length, 1);
  assert.equal(sum(answers[0] ?? [], 'done'), undefined);
});

test('who is silent counts on with what he said last, but for what is only true now', async () => {
  const { clock, gathering, answers, gather } = begin();
  gather(5, [2]);
  gathering.reported(2, 1, report(7));
  gather(6, [2]);
  await clock.advance(999);
  assert.equal(answers.length, 1);
  await clock.advance(1);
  assert.equal(sum(answers[1] ?? [], 'done'), 7);
  assert.equal(sum(answers[1] ?? [], 'open'), undefined);
  gathering.reported(2, 2, report(9));
  assert.equal(answers.length, 2, 'too late is too late');
});

test('who is gone counts on, however often', () => {
  const { gathering, answers, gather } = begin();
  for (const n of [1, 2, 3]) {
    gather(0, [2]);
    gathering.reported(2, n, report(10));
    gathering.ended(2);
  }
  gather(0, [2]);
  gathering.reported(2, 4, report(1));
  const last = answers.at(-1) ?? [];
  assert.equal(sum(last, 'done'), 31);
  assert.equal(sum(last, 'took'), 62, 'each name of a histogram by itself');
  assert.equal(sum(last, 'open'), 1);
  assert.equal(last.length, 2, 'those who are gone are one report');
});

test('nobody waits for one that ends while he is asked', () => {
  const { gathering, answers, gather } = begin();
  gather(5, [2]);
  gathering.ended(2);
  assert.equal(answers.length, 1);
});
