// What the JSON columns of configuration rows hold: one schema for rows that SQL wrote and for the management API.
import { z } from 'zod';
import { answerKinds } from '../core/failure-rule.ts';

/** One of a provider's `failure_rules` (`FailureRule`). Strict in rows too: a misspelt condition would make it fit more. */
const failureRuleSchema = z
  .strictObject({
    status: z
      .int()
      .min(200)
      .max(599)
      .describe('The status; of an error inside a 200, the status that its code names, else 200.')
      .optional(),
    code: z.string().min(1).max(200).describe('The whole of `error.code`.').optional(),
    type: z.string().min(1).max(200).describe('The whole of `error.type`.').optional(),
    message: z
      .string()
      .min(1)
      .max(500)
      .describe('Plain text that the message contains; upper and lower case are the same.')
      .optional(),
    kind: z.enum(answerKinds).describe('What such an answer means: who is at fault, who rests, what follows.'),
  })
  .refine((rule) => Object.keys(rule).length > 1, 'must have a condition: status, code, type or message');

/** A provider's `config` column (`ProviderConfig`). */
export const providerConfigSchema = z.object({
  key_prefixes: z
    .array(z.string().min(1).max(100))
    .max(100)
    .describe("What the provider's keys begin with, instead of `sk-`; an empty list allows any key.")
    .optional(),
  path_prefix: z
    .string()
    .max(200)
    .regex(/^(?:\/[\w.~%-]+)*$/, 'must be empty, or a path such as "/v1" without a closing slash')
    .describe('What stands between `base_url` and the endpoint; `/v1` by default.')
    .optional(),
  ask_stream_usage: z
    .boolean()
    .describe('Whether streams are asked for their token usage (`stream_options.include_usage`); true by default.')
    .optional(),
  allow_private: z
    .boolean()
    .describe('Leave for a `base_url` in a private network, which is refused otherwise.')
    .optional(),
  output_limit_name: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .describe("How a chat's answer is limited where a budget needs it; `max_tokens` by default, but for OpenAI.")
    .optional(),
  failure_rules: z
    .array(failureRuleSchema)
    .max(100)
    .describe("What the provider's errors mean where the built-in rules have it wrong; the first that fits wins.")
    .optional(),
});

const limit = z.int().min(1).nullable().optional();

/** An account's `limits` column (`AccountLimits`). */
export const accountLimitsSchema = z.object({ rpm: limit, tpm: limit, max_concurrency: limit });

/** One of a route's `fallbacks` (`Fallback`). */
export const fallbackSchema = z.object({
  provider_id: z.string().min(1).max(64).describe('The provider to go to.'),
  model: z.string().min(1).max(200).describe("The model's name there; the client's own where absent.").optional(),
  on: z
    .array(z.enum(answerKinds))
    .describe('Kinds of failure that it serves, besides an account pool with nobody left.')
    .optional(),
});
