// Pricing the past again, as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { moment } from './price.ts';

/** The body of /prices/reprice. */
export const repriceBody = z
  .strictObject({
    from: moment.describe('Requests that came from then on.'),
    to: moment.describe('Requests that came before then; now where absent.').optional(),
    model: z
      .string()
      .min(1)
      .max(200)
      .describe('Only calls of this very model, as it was sent to the provider; of all where absent.')
      .optional(),
    dry_run: z.boolean().default(false).describe('Only says what would change.'),
  })
  .openapi('Reprice', { example: { from: '2026-01-01', dry_run: true } });

const money = z.string().meta({ example: '12.345' });
const tokens = z.int().min(0);

/** What it answers. */
export const repriceReport = z
  .object({
    dry_run: z.boolean(),
    attempts: z.int().min(0).describe('Attempts with usage in that time.'),
    changed: z.int().min(0).describe('Those whose cost is another now.'),
    cost_usd_before: money.describe('What they cost together, as far as it was known.'),
    cost_usd_after: money,
    unpriced_tokens_before: tokens.describe('Their tokens without a price.'),
    unpriced_tokens_after: tokens,
  })
  .openapi('RepriceReport');
