// The price resource as the management API speaks of it: US dollars for a million tokens, as decimal texts.
import { z } from '@hono/zod-openapi';
import { momentOf, timeOrDay } from '../../configuration/prices.ts';
import { builtInProviders } from '../../providers/registry.ts';
import { pageOf, pageQuery, shortText, timeSchema, usdAmount } from './common.ts';

const [exampleProvider] = builtInProviders;
const exampleModel = exampleProvider?.supported_models[0];

/** An amount in an answer. */
const shownAmount = z.string().nullable().meta({ example: '2.5' });

const meanings = {
  input: 'Input that was neither read from the cache nor written to it.',
  cached_input: 'Input read from the cache.',
  cache_write: 'Input written to the cache.',
  output: 'Output, reasoning included.',
  audio_input: 'Audio in.',
  audio_output: 'Audio out.',
} as const;

type RateName = keyof typeof meanings;

/** The names of the rates, in the order in which they are shown. */
export const rateFieldNames = Object.keys(meanings) as readonly RateName[];

function rateFields<Schema extends z.ZodType>(schema: Schema): Record<RateName, Schema> {
  return Object.fromEntries(
    Object.entries(meanings).map(([name, meaning]) => [
      name,
      schema.describe(
        `${meaning} In US dollars for a million tokens; null: not known, and calls that need it are not priced.`,
      ),
    ]),
  ) as Record<RateName, Schema>;
}

const overTokens = z
  .int()
  .min(1)
  .describe('The rates hold for the whole request once its prompt has more tokens than this, cached ones included.');

/** A moment in a request, as ISO 8601 in UTC. A day begins at midnight UTC. */
export const moment = z
  .string()
  .regex(timeOrDay, 'must be a time such as "2026-01-31T12:00:00Z", or a day such as "2026-01-31"')
  .refine((text) => !Number.isNaN(momentOf(text)), 'must be a time that exists')
  .transform((text) => new Date(text).toISOString())
  .openapi({ type: 'string', example: '2026-01-31T12:00:00Z' });

const model = z
  .string()
  .max(200)
  .regex(/^\S+$/, 'must be a model name without white space')
  .describe(
    'The name that the provider knows it by; case does not matter. It is the price of its dated snapshots, too.',
  )
  .meta({ example: exampleModel });

const providerId = shortText(64)
  .nullable()
  .describe('The one provider that it is for; null: all.')
  .meta({ example: exampleProvider?.id });

const tier = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,31}$/, 'must be a tier in lower case, such as "default", "flex", "batch" or "priority"')
  .describe("The tier that it is for, as an answer's `service_tier` names it.");

const note = z.string().max(1000).nullable().describe('What you want to remember of it.');

const id = z
  .string()
  .max(64)
  .regex(
    /^(?!list_)[A-Za-z0-9][A-Za-z0-9_.-]*$/,
    'must be letters, digits, "-", "_" and ".", and not begin with "list_"',
  )
  .meta({ example: 'pr_01jd5xk2mp4q8r6s0t3v7w9yz' });

/** A price as it is answered. */
export const priceSchema = z
  .object({
    id: z.string().meta({ example: 'pr_01jd5xk2mp4q8r6s0t3v7w9yz' }),
    source: z.enum(['own', 'built_in']).describe('`own`: yours, and it wins; `built_in`: a list price, read-only.'),
    version: z.string().describe('What requests keep as the price that they were priced by.').nullable(),
    model,
    provider_id: providerId,
    tier: z.string(),
    effective_from: timeSchema.nullable().describe('Since when; null: always.'),
    ...rateFields(shownAmount),
    long_context: z.object({ over_tokens: overTokens, ...rateFields(shownAmount) }).nullable(),
    note: z.string().nullable(),
    created_at: timeSchema.nullable(),
  })
  .openapi('Price');

/** A page of prices. */
export const pricePage = pageOf('PricePage', priceSchema);

/** The query of the list. */
export const priceQuery = pageQuery.extend({
  model: z
    .string()
    .max(200)
    .describe("Only prices that a call of this model can meet: its own and its family's.")
    .optional(),
  provider_id: z.string().max(64).describe('Only prices that hold at this provider.').optional(),
  at: moment.describe('Only prices in force at this moment: one for each model, provider and tier.').optional(),
});

const optionalRates = rateFields(usdAmount.nullable().optional());

const fields = {
  model,
  provider_id: providerId,
  tier,
  effective_from: moment.describe('Since when it holds.'),
  ...optionalRates,
  long_context: z
    .strictObject({ over_tokens: overTokens, ...optionalRates })
    .nullable()
    .describe('The rates of long prompts; null: there are none. Replaced as a whole.'),
  note,
};

const confirm = z
  .boolean()
  .default(false)
  .describe('Needed for a price that is a hundred times off the one it replaces, or off its family.');

/** The body of POST. */
export const newPrice = z
  .strictObject({
    id: id.describe('Made by the gateway where absent.').optional(),
    ...fields,
    provider_id: fields.provider_id.default(null),
    tier: fields.tier.default('default'),
    effective_from: fields.effective_from
      .optional()
      .describe('Since when it holds. Where absent now, and since 1970 where the model has had no price in this tier.'),
    long_context: fields.long_context.default(null),
    note: fields.note.default(null),
    confirm,
  })
  .openapi('NewPrice', {
    example: { model: exampleModel, input: '27.50', output: '55', effective_from: '2026-01-31', note: 'our contract' },
  });

/** The body of PATCH and PUT. */
export const priceChange = z
  .strictObject({ id: id.describe('May be repeated, not changed.'), ...fields })
  .partial()
  .extend({ confirm })
  .openapi('PriceChange', { example: { output: '55' } });

export type PriceAnswer = z.infer<typeof priceSchema>;
export type NewPrice = z.infer<typeof newPrice>;
export type PriceChange = z.infer<typeof priceChange>;
