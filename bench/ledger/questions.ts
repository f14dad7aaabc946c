// The questions that the management API is asked about a ledger: every filter and grouping, alone and combined.
import { accountId, keyId, modelName, type Traffic } from './entries.ts';

/** A question, and the row and column of the table that its time belongs to. */
export interface Question {
  readonly path: string;
  readonly row: string;
  readonly column: string;
}

const dayMs = 86_400_000;
const zones = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Asia/Kathmandu'];
const days = [1, 7, 30, 90];

function subsets<Item>(items: readonly Item[]): Item[][] {
  return items.reduce<Item[][]>((found, item) => [...found, ...found.map((subset) => [...subset, item])], [[]]);
}

/** /usage by every grouping, over each stretch up to the end of the traffic, in each zone. */
export function usageQuestions({ toMs }: Traffic): Question[] {
  const dimensions = [
    ...subsets(['model', 'account', 'key']),
    ['provider_model'],
    ['model', 'provider_model', 'account', 'key'],
  ];
  const groupings = dimensions.flatMap((names) => [names, ['day', ...names], ['hour', ...names]]);
  return groupings.flatMap((names) =>
    days.flatMap((count) =>
      zones.flatMap((zone) => {
        const groupBy = names.length === 0 ? '' : `&group_by=${names.join(',')}`;
        // Once as a dashboard asks (from some midnight on), once for bounds within a quarter of an hour.
        const from = localMidnight(zone, toMs - count * dayMs);
        return [
          `from=${from}`,
          `from=${new Date(toMs - count * dayMs + 61_001).toISOString()}&to=${new Date(toMs - 61_001).toISOString()}`,
        ].map((bounds) => ({
          path: `/usage?${bounds}&time_zone=${zone}${groupBy}`,
          row: names.join(', ') || 'the total',
          column: `${count} d`,
        }));
      }),
    ),
  );
}

function localMidnight(zone: string, atMs: number): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(atMs);
}

/** /requests by every combination of filters: for values that are common, rare, never together, and not there at all. */
export function requestQuestions({ fromMs, toMs }: Traffic): Question[] {
  const values: Readonly<Record<string, readonly string[]>> = {
    // The busiest key never asks for the second busiest model.
    model: [modelName(0), modelName(1), modelName(19), 'nothing'],
    account_id: [accountId(0), accountId(9), 'nobody'],
    key_id: [keyId(0), keyId(49)],
    outcome: ['ok', 'upstream_error', 'gateway_error', 'budget_exceeded'],
  };
  const middle = new Date((fromMs + toMs) / 2).toISOString();
  const times = [
    '',
    `from=${middle}`,
    `to=${middle}`,
    `from=${middle}&to=${new Date((fromMs + toMs) / 2 + dayMs).toISOString()}`,
  ];
  return subsets(Object.keys(values)).flatMap((names) => {
    const filters = names.reduce<string[]>(
      (found, name) => found.flatMap((filter) => (values[name] ?? []).map((value) => `${filter}&${name}=${value}`)),
      [''],
    );
    return filters.flatMap((filter) =>
      times.map((time) => ({
        path: `/requests?${[time, filter.slice(1)].filter((part) => part !== '').join('&')}`,
        row: [...names].join(', ') || 'no filter',
        column: time === '' ? 'all' : 'from/to',
      })),
    );
  });
}
