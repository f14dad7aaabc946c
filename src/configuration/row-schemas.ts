// What the JSON columns of configuration rows hold: one schema for rows that SQL wrote and for the management API.
import { z } from 'zod';
import { failureKinds } from '../core/failure.ts';

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
});

/** The kinds of failure that another target can make good. */
const servedKinds = Object.entries(failureKinds).flatMap(([kind, { source }]) => (source === 'client' ? [] : [kind]));

/** One of a route's `fallbacks` (`Fallback`). */
export const fallbackSchema = z.object({
  provider_id: z.string().min(1).max(64).describe('The provider to go to.'),
  model: z.string().min(1).max(200).describe("The model's name there; the client's own where absent.").optional(),
  on: z
    .array(z.enum(servedKinds))
    .describe('Kinds of failure that it serves, besides an account pool with nobody left.')
    .optional(),
});
