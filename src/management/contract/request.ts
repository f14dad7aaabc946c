// A request of the ledger as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import type { Outcome } from '../../core/record.ts';
import { pageOf, pageQuery, timeSchema } from './common.ts';
import { boundFields, usageFields } from './ledger.ts';

const outcomes = {
  ok: true,
  client_cancelled: true,
  client_error: true,
  upstream_error: true,
  stream_interrupted: true,
  rate_limited: true,
  budget_exceeded: true,
  timeout: true,
  gateway_error: true,
  unknown: true,
} as const satisfies Record<Outcome, true>;

const outcome = z
  .enum(Object.keys(outcomes) as (keyof typeof outcomes)[])
  .describe('How it ended; `unknown` while it runs, and where its end was never heard of.');

const status = z.int().nullable().describe('The HTTP status; null where there was none.');

const usage = z.object(usageFields).nullable().describe('Null where nothing is known, see `usage_source`.');

const usageSource = z
  .enum(['upstream', 'estimated', 'none'])
  .describe("Whose numbers these are: the upstream's, or the gateway's own estimate of an answer that was cut.");

const cost = z
  .string()
  .nullable()
  .describe('In US dollars, exact; null while it runs, and where tokens were used that no price is known for.')
  .meta({ example: '0.0031275' });

const ttft = z.int().nullable().describe('Time to the first byte of the answer.');
const duration = z.int().nullable().describe('Null while it runs, and where its end was never heard of.');

const attemptSchema = z
  .object({
    n: z.int().describe('Counts from 1.'),
    account_id: z.string(),
    provider_id: z.string(),
    model: z.string().describe('As it was sent to the provider.'),
    status,
    outcome,
    failure: z.string().nullable().describe('The kind of failure.'),
    started_at: timeSchema,
    ttft_ms: ttft,
    duration_ms: duration,
    usage,
    usage_source: usageSource,
    cost_usd: cost.describe('In US dollars, exact; null where no usage is known, or no price for it.'),
  })
  .openapi('Attempt');

/** A request as it is answered. */
export const requestSchema = z
  .object({
    id: z.string().describe('The `x-aigateway-request-id` of its answer.'),
    created_at: timeSchema,
    endpoint: z.string(),
    model: z.string().nullable().describe('As the client asked for it.'),
    key_id: z.string().nullable().describe('The client key that it was made with.'),
    stream: z.boolean(),
    status,
    outcome,
    error_code: z.string().nullable(),
    usage,
    usage_source: usageSource,
    cost_usd: cost,
    queued_ms: z.int().describe('Time spent waiting for a free account.'),
    ttft_ms: ttft,
    duration_ms: duration,
    chosen_because: z.string().nullable().describe('Why the serving account was chosen.'),
    attempts: z.array(attemptSchema).describe('In order.'),
  })
  .openapi('Request');

/** A page of requests. */
export const requestPage = pageOf('RequestPage', requestSchema);

/** The query of the list. */
export const requestQuery = pageQuery.extend({
  model: z.string().describe('Only requests for this model, as the client named it.').optional(),
  account_id: z.string().describe('Only requests of which any attempt was made on this account.').optional(),
  key_id: z.string().describe('Only requests made with this client key.').optional(),
  outcome: outcome.optional().describe('Only requests that ended so.'),
  ...boundFields,
});

export type RequestAnswer = z.infer<typeof requestSchema>;
