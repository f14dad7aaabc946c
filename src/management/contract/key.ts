// The client key resource as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { isTimeZone } from '../../core/time-zone.ts';
import { hasPlainYear } from '../../lib/calendar.ts';
import { builtInProviders } from '../../providers/registry.ts';
import { pageOf, shortText, timeSchema, usdAmount } from './common.ts';

const exampleModels = builtInProviders[0]?.supported_models.slice(0, 1) ?? [];
const exampleId = 'key_01jd5xk2mp4q8r6s0t3v7w9yz';

/** Thirty days: a key that is to be replaced and works on for longer is not replaced. */
const longestGraceMs = 30 * 24 * 3_600_000;

const limit = z.int().min(1).max(1_000_000_000_000).nullable();

const mode = z.enum(['enforce', 'shadow']);

const budgetFields = {
  amount: usdAmount.describe('US dollars, as a decimal text or a number.').meta({ example: '25.00' }),
  period: z
    .enum(['day', 'week', 'month', 'none'])
    .describe('When it begins anew: at midnight, on Monday, on the first of the month, or never.'),
  time_zone: z
    .string()
    .max(64)
    .refine(isTimeZone, 'must be a time zone such as "Europe/Berlin"')
    .describe('Whose midnight counts: an IANA name.')
    .meta({ example: 'UTC' }),
};

/** What a key may have besides its name, all of it with a default. */
const options = {
  models: z
    .array(shortText(200))
    .max(1000)
    .describe('The models that it may ask for, `*` for any run of characters; empty: all.')
    .meta({ example: exampleModels }),
  rpm: limit.describe('Requests in any sliding minute; null: no limit.'),
  tpm: limit.describe('Tokens in any sliding minute, prompt and completion together; null: no limit.'),
  max_concurrency: limit.describe('Requests at the same time; null: no limit.'),
  limits_mode: mode.describe('Whether a request over these limits is refused (`enforce`), or only counted (`shadow`).'),
  budget_mode: mode.describe('The same for the budget.'),
  allows_unpriced: z.boolean().describe('Whether, having a budget, it may use models whose price is not known.'),
  keeps_transcripts: z
    .boolean()
    .describe('Whether what is asked with it and answered is kept, 64 KiB of each, see `/requests/{id}/transcript`.'),
  metadata: z
    .record(z.string().min(1).max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= 50, 'must have at most 50 entries')
    .describe('Texts of your own.')
    .meta({ example: { team: 'search' } }),
  expires_at: z.iso
    .datetime({ offset: true, error: 'must be a time such as "2027-01-31T12:00:00Z"' })
    .refine((text) => hasPlainYear(Date.parse(text)), 'must be a time before the year 10000')
    .nullable()
    .describe('When it expires; null: never.')
    .meta({ example: null }),
  is_active: z.boolean().describe('Whether it may be used just now.'),
};

const name = shortText(200).describe('What people call it; errors name it.').meta({ example: 'Search team' });

const id = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be letters, digits, "-", "_" and "."')
  .meta({ example: exampleId });

/** A client key as it is answered. */
export const keySchema = z
  .object({
    id,
    name,
    prefix: z.string().describe('How the key begins, to know it again.').meta({ example: 'agw_4fQz81' }),
    ...options,
    budget: z
      .object({
        ...budgetFields,
        amount: z.string().describe('US dollars, as a decimal text.').meta({ example: '25' }),
      })
      .nullable()
      .describe('Money that it may spend in each period; null: no limit.'),
    metadata: z.record(z.string(), z.unknown()),
    expires_at: timeSchema.nullable(),
    previous_key_until: timeSchema
      .nullable()
      .describe('Until when the key before the last rotation is good; null where there is none.'),
    revoked_at: timeSchema.nullable().describe('When it was revoked for good; null: never.'),
    created_at: timeSchema,
    updated_at: timeSchema,
    last_used_at: timeSchema.nullable().describe('Of other gateways up to ten seconds late.'),
  })
  .openapi('ClientKey');

/** A client key as it is answered once, together with the key itself. */
export const shownKeySchema = keySchema
  .extend({
    key: z.string().describe('The key itself. It is shown now and never again.').meta({ example: 'agw_4fQz81…' }),
  })
  .openapi('ShownClientKey');

/** A page of client keys. */
export const keyPage = pageOf('ClientKeyPage', keySchema);

/** The body of POST. */
export const newKey = z
  .strictObject({
    id: id.describe('Made by the gateway where absent.').optional(),
    name,
    models: options.models.default([]),
    rpm: options.rpm.default(null),
    tpm: options.tpm.default(null),
    max_concurrency: options.max_concurrency.default(null),
    budget: z
      .strictObject({
        ...budgetFields,
        period: budgetFields.period.default('none'),
        time_zone: budgetFields.time_zone.default('UTC'),
      })
      .nullable()
      .default(null),
    limits_mode: options.limits_mode.default('enforce'),
    budget_mode: options.budget_mode.default('enforce'),
    allows_unpriced: options.allows_unpriced.default(false),
    keeps_transcripts: options.keeps_transcripts.default(false),
    metadata: options.metadata.default({}),
    expires_at: options.expires_at.default(null),
    is_active: options.is_active.default(true),
  })
  .openapi('NewClientKey', {
    example: { name: 'Search team', models: exampleModels, rpm: 60, budget: { amount: '25.00', period: 'month' } },
  });

/** The body of PATCH and PUT. */
export const keyChange = z
  .strictObject({
    id: id.describe('May be repeated, not changed.'),
    name,
    ...options,
    budget: z
      .strictObject(budgetFields)
      .partial()
      .nullable()
      .describe('Its fields that are left out stay as they are; null takes the budget away.'),
  })
  .partial()
  .openapi('ClientKeyChange', { example: { rpm: 120 } });

/** The body of a rotation. */
export const keyRotation = z
  .strictObject({
    grace_period_ms: z
      .int()
      .min(0)
      .max(longestGraceMs)
      .default(0)
      .describe('How long the old key works on beside the new one; 0: not at all.'),
  })
  .openapi('KeyRotation', { example: { grace_period_ms: 3_600_000 } });

export type KeyAnswer = z.infer<typeof keySchema>;
export type NewKey = z.infer<typeof newKey>;
export type KeyChange = z.infer<typeof keyChange>;
