// Usage as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import type { UsageDimension } from '../../storage/ledger-reports.ts';
import { pageQuery, timeSchema } from './common.ts';
import { boundFields, usageFields } from './ledger.ts';

/** What usage can be grouped by → the field that it becomes in a row. In the order of the fields. */
export const groupings = {
  day: { field: 'day', dimension: undefined },
  hour: { field: 'hour', dimension: undefined },
  model: { field: 'model', dimension: 'model' },
  provider_model: { field: 'provider_model', dimension: 'upstream_model' },
  account: { field: 'account_id', dimension: 'account_id' },
  key: { field: 'key_id', dimension: 'key_id' },
} as const satisfies Record<string, { readonly field: string; readonly dimension: UsageDimension | undefined }>;

/** A name in `group_by`. */
export type Grouping = keyof typeof groupings;

const names = Object.keys(groupings) as Grouping[];

const groupBy = z
  .string()
  .transform((text, context): readonly Grouping[] => {
    const parts = text.split(',').map((part) => part.trim());
    const found = names.filter((name) => parts.includes(name));
    const problem = !parts.every((part) => names.includes(part as Grouping))
      ? `must be any of ${names.join(', ')}, with commas between`
      : found.includes('day') && found.includes('hour')
        ? 'must not name both day and hour'
        : undefined;
    if (problem === undefined) return found;
    context.issues.push({ code: 'custom', message: problem, input: text });
    return z.NEVER;
  })
  .openapi({
    type: 'string',
    example: 'day,model',
    description: `What the rows tell apart: any of ${names.map((name) => `\`${name}\``).join(', ')}, with commas between; \`day\` and \`hour\` not together. Without it there is one row, the total.`,
  });

/** The query of /usage. */
export const usageQuery = pageQuery.extend({
  limit: pageQuery.shape.limit.unwrap().default(1000).openapi({
    type: 'integer',
    minimum: 1,
    maximum: 1000,
    default: 1000,
    description: 'How many rows to answer with. CSV has all rows.',
  }),
  ...boundFields,
  group_by: groupBy.optional(),
  time_zone: z
    .string()
    .default('UTC')
    .describe('The IANA name of the time zone that days and hours are those of.')
    .meta({ example: 'America/New_York' }),
});

const groupFields = {
  day: z.string().describe('A day of the time zone.').meta({ example: '2026-03-29' }),
  hour: z
    .string()
    .describe('The beginning of an hour of the time zone. The offset tells apart the hour that comes twice in autumn.')
    .meta({ example: '2026-03-29T01:00:00+01:00' }),
  model: z.string().nullable().describe('As the client asked for it.'),
  provider_model: z.string().nullable().describe('As it was sent to the provider; null where nothing was sent.'),
  account_id: z.string().nullable().describe('Null where no account was tried.'),
  key_id: z.string().nullable().describe('Null for requests without a client key.'),
};

const rowSchema = z
  .object({
    ...z.object(groupFields).partial().shape,
    requests: z.int().describe('Each request once, with its last attempt.'),
    attempts: z.int(),
    ...usageFields,
    cost_usd: z
      .string()
      .nullable()
      .describe('Of all tokens that have a price; in US dollars, exact. Null where none of them has one.')
      .meta({ example: '12.3456789' }),
    unpriced_tokens: z.int().describe('Tokens that no price is known for; their cost is not in `cost_usd`.'),
  })
  .openapi('UsageRow');

/** Usage as it is answered. */
export const usagePage = z
  .object({
    from: timeSchema,
    to: timeSchema.nullable().describe('Null: up to now.'),
    time_zone: z.string(),
    data: z
      .array(rowSchema)
      .describe('In order of time, then of the other fields. Groups without a request have no row.'),
    next_cursor: z.string().nullable().describe('`cursor` of the next page; null on the last.'),
  })
  .openapi('Usage');
