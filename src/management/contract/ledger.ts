// What requests and usage of the ledger have in common, as the management API speaks of them.
import { z } from '@hono/zod-openapi';

/** Tokens by kind. */
export const usageFields = {
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  cached_tokens: z.int().describe('Read from the cache; a part of the prompt.'),
  cache_write_tokens: z.int().describe('Written to the cache; a part of the prompt.'),
  reasoning_tokens: z.int().describe('A part of the completion.'),
  audio_prompt_tokens: z.int().describe('A part of the prompt.'),
  audio_completion_tokens: z.int().describe('A part of the completion.'),
};

/** The names of the usage fields, in order. */
export const usageFieldNames = Object.keys(usageFields) as (keyof typeof usageFields)[];

/** The bounds of a list or sum by the time at which requests were made. */
export const boundFields = {
  from: z
    .string()
    .describe('Only requests made at this time or later: ISO 8601 with an offset, or a day, which begins at midnight.')
    .meta({ example: '2026-01-31T12:00:00Z' })
    .optional(),
  to: z
    .string()
    .describe(
      'Only requests made before this time. A day is not included itself: it stands for the midnight that it begins with.',
    )
    .meta({ example: '2026-02-28' })
    .optional(),
};
