// A transcript as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { timeSchema } from './common.ts';

const side = z.object({
  text: z.string(),
  is_cut: z.boolean().describe('There was more; the first 64 KiB are kept.'),
});

/** What one request asked and was answered. */
export const transcriptSchema = z
  .object({
    request_id: z.string(),
    key_id: z.string().describe('The client key that it was made with.'),
    created_at: timeSchema,
    request: side.describe("The request's body as the client sent it."),
    answer: side
      .nullable()
      .describe(
        'An answer in one piece as it came; of a stream what the model said, part by part where it has several. Null where the client got no answer of a model.',
      ),
  })
  .openapi('Transcript');

export type TranscriptAnswer = z.infer<typeof transcriptSchema>;
