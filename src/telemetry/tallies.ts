// The metrics that every request counts in: plain numbers, found by their labels without making a text of them.
import type { MetricReport, MetricValue } from '../core/metric-report.ts';

type LabelValue = string | number;

/** What is counted, and in which order its labels are told; at most three. */
export interface TallyOf {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

type Labels = Readonly<Record<string, LabelValue>>;

interface Counted<Numbers> {
  readonly labels: Labels;
  readonly numbers: Numbers;
}

/** The numbers of each set of labels. To hash a set into one text costs more than to count. */
class Table<Numbers> {
  readonly #labelNames: readonly string[];
  readonly #make: () => Numbers;
  /**
   * By the third label, the first, and the second, of which there may be many: so all of them are in one map, and not each
   * in one of its own, which with a thousand accounts would be out of the processor's cache.
   */
  readonly #numbers = new Map<LabelValue, Map<LabelValue, Map<LabelValue, Numbers>>>();
  /** In the order in which they came. */
  all: Counted<Numbers>[] = [];

  constructor(labelNames: readonly string[], make: () => Numbers) {
    this.#labelNames = labelNames;
    this.#make = make;
  }

  /** Those of the first label, the second and the third; '' for labels that there are not. */
  of(first: LabelValue, second: LabelValue, third: LabelValue): Numbers {
    return this.#numbers.get(third)?.get(first)?.get(second) ?? this.#add(first, second, third);
  }

  /** Forgets the numbers of all labels of which this does not hold. */
  keep(isKept: (labels: Labels) => boolean): void {
    const kept = this.all.filter(({ labels }) => isKept(labels));
    if (kept.length === this.all.length) return;
    this.all = [];
    this.#numbers.clear();
    for (const { labels, numbers } of kept) {
      const [first = '', second = '', third = ''] = this.#labelNames.map((name) => labels[name]);
      this.#put(first, second, third, numbers);
    }
  }

  #add(first: LabelValue, second: LabelValue, third: LabelValue): Numbers {
    const numbers = this.#make();
    this.#put(first, second, third, numbers);
    return numbers;
  }

  #put(first: LabelValue, second: LabelValue, third: LabelValue, numbers: Numbers): void {
    const values = [first, second, third];
    this.all.push({ labels: Object.fromEntries(this.#labelNames.map((name, i) => [name, values[i] ?? ''])), numbers });
    const byFirst = this.#numbers.get(third) ?? new Map<LabelValue, Map<LabelValue, Numbers>>();
    const bySecond = byFirst.get(first) ?? new Map<LabelValue, Numbers>();
    this.#numbers.set(third, byFirst.set(first, bySecond.set(second, numbers)));
  }
}

/** A counter. */
export class Tally {
  readonly name: string;
  readonly #help: string;
  readonly #table: Table<{ sum: number }>;

  constructor({ name, help, labelNames }: TallyOf) {
    this.name = name;
    this.#help = help;
    this.#table = new Table(labelNames, () => ({ sum: 0 }));
  }

  add(amount: number, first: LabelValue, second: LabelValue = '', third: LabelValue = ''): void {
    this.#table.of(first, second, third).sum += amount;
  }

  /** Forgets what was counted with labels of which this does not hold. */
  keep(isKept: (labels: Labels) => boolean): void {
    this.#table.keep(isKept);
  }

  /** As the registry asks for it. */
  async get(): Promise<MetricReport> {
    const values = this.#table.all.map(({ labels, numbers }) => ({ value: numbers.sum, labels: { ...labels } }));
    return { name: this.name, help: this.#help, type: 'counter', aggregator: 'sum', values };
  }
}

interface Spread {
  sum: number;
  count: number;
  /** How many lay in each bucket, and not in a smaller one. */
  readonly buckets: number[];
}

/** A histogram with one label. */
export class Distribution {
  readonly name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #table: Table<Spread>;

  /** `bounds` of the buckets, the least first. */
  constructor({ name, help, labelNames }: TallyOf, bounds: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#table = new Table(labelNames, () => ({ sum: 0, count: 0, buckets: bounds.map(() => 0) }));
  }

  add(value: number, label: LabelValue): void {
    const spread = this.#table.of(label, '', '');
    spread.sum += value;
    spread.count += 1;
    let i = 0;
    while (i < this.#bounds.length && value > (this.#bounds[i] as number)) i += 1;
    if (i < this.#bounds.length) spread.buckets[i] = (spread.buckets[i] as number) + 1;
  }

  /** As the registry asks for it. */
  async get(): Promise<MetricReport> {
    const values = this.#table.all.flatMap(({ labels, numbers }) => this.#valuesOf(labels, numbers));
    return { name: this.name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }

  #valuesOf(labels: Readonly<Record<string, LabelValue>>, { sum, count, buckets }: Spread): MetricValue[] {
    let upTo = 0;
    const inBuckets = this.#bounds.map((le, i) => {
      upTo += buckets[i] as number;
      return { value: upTo, labels: { le, ...labels }, metricName: `${this.name}_bucket` };
    });
    return [
      ...inBuckets,
      { value: count, labels: { le: '+Inf', ...labels }, metricName: `${this.name}_bucket` },
      { value: sum, labels: { ...labels }, metricName: `${this.name}_sum` },
      { value: count, labels: { ...labels }, metricName: `${this.name}_count` },
    ];
  }
}
