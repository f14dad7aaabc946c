// Comparing the ledger with a provider's own books, as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { isDay } from '../../lib/calendar.ts';
import { reasonTable, type ReasonCode } from '../../reconciliation/reasons.ts';

const day = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d$/, 'must be a day such as "2026-01-31"')
  .refine(isDay, 'must be a day that exists')
  .meta({ example: '2026-01-31' });

/** The body of /reconcile. */
export const reconcileBody = z
  .strictObject({
    from: day.describe('The first UTC day.'),
    to: day.describe('The UTC day after the last; where absent, today is the last.').optional(),
    provider_id: z
      .string()
      .min(1)
      .max(64)
      .describe('Whose books; of every provider that an account has an admin key for, where absent.')
      .optional(),
    account_ids: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(1000)
      .describe('Only these accounts are ours; all of the provider where absent.')
      .optional(),
    admin_key: z
      .string()
      .describe(
        'An admin key for this once, kept nowhere: its books are compared with all accounts that are asked for.',
      )
      .optional(),
  })
  .openapi('Reconcile', { example: { from: '2026-01-01', to: '2026-02-01' } });

const whole = z.int();

const money = z.string().nullable().meta({ example: '12.345' });

const counts = {
  requests: whole,
  input_tokens: whole.describe('Cached ones included.'),
  cached_tokens: whole,
  output_tokens: whole,
};

const sides = {
  ours: z.object({ ...counts, cost_usd: money.describe('As far as it is known; null where nothing is.') }),
  theirs: z.object({ ...counts, cost_usd: money.describe('What they bill; null where that is nothing.') }),
  difference: z
    .object({ ...counts, cost_usd: money.describe('Null where one of the two is.') })
    .describe('Theirs less ours.'),
};

const codes = Object.keys(reasonTable) as [ReasonCode, ...ReasonCode[]];

const line = z.object({
  day: z.string(),
  model: z.string().describe('The family: `large` stands for `large-2026-01-31`, too.'),
  ...sides,
  reasons: z
    .array(
      z.object({
        code: z.enum(codes),
        count: whole.min(0).describe('Attempts or calls that it is about.'),
        message: z.string(),
      }),
    )
    .describe('Why the two may differ, the likeliest first; empty where they agree.'),
});

const books = z.object({
  provider_id: z.string(),
  key_holder: z.string().nullable().describe('The account whose admin key was used; null: the one that was given.'),
  account_ids: z.array(z.string()).describe('The accounts whose calls are ours in this comparison.'),
  lines: z.array(line).describe('By day and model.'),
  total: z.object(sides),
  differing_lines: whole.min(0).describe('Lines with a difference that is more than rounding.'),
});

/** What it answers. */
export const reconciliation = z
  .object({
    from: z.string(),
    to: z.string().describe('The day after the last.'),
    books: z.array(books).describe('One comparison for each admin key.'),
    not_compared: z
      .array(z.object({ account_id: z.string(), calls: whole.min(0).describe('Its calls in this time.') }))
      .describe('Accounts that no admin key speaks for, and those that are gone.'),
  })
  .openapi('Reconciliation');

export type ReconcileBody = z.infer<typeof reconcileBody>;
export type ReconciliationAnswer = z.infer<typeof reconciliation>;
