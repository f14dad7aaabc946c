// What /route/explain answers, as the management API speaks of it.
import { z } from '@hono/zod-openapi';

const left = z.number().nullable();

/** Where a request would go, and why. */
export const explanationSchema = z
  .object({
    provider_id: z.string(),
    model: z.string().describe('The name that the upstream would get.'),
    route: z.string().describe('What led there: a route, or the rule of the registry.'),
    candidates: z
      .array(
        z.object({
          account_id: z.string(),
          label: z.string(),
          eligible: z.boolean(),
          reasons: z
            .array(z.string())
            .describe(
              'Codes of what keeps it from serving; after `benched` the kind of failure that the bench is for. Empty where nothing does.',
            ),
          score: z
            .number()
            .describe(
              'The smaller share of requests and tokens left, times its weight, shared among those that draw on the same quota.',
            ),
          headroom_requests: left.describe('Requests left just now; null while no limit is known.'),
          headroom_tokens: left.describe('Tokens left just now; null while no limit is known.'),
          quota_group: z.string().nullable(),
        }),
      )
      .describe('Every account of the provider.'),
    order: z.array(z.string()).describe('The eligible accounts in the order in which they would be tried.'),
  })
  .openapi('Explanation');
