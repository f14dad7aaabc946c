// The resource /requests/{id}/transcript: what was asked and answered, for client keys that say that it be kept.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { TranscriptRow } from '../storage/transcripts.ts';
import { newApplication } from './application.ts';
import { existing, missing, type Changes } from './changes.ts';
import { answer, failure, idParameter } from './contract/common.ts';
import { transcriptSchema, type TranscriptAnswer } from './contract/transcript.ts';
import { catchUp } from './ledger-access.ts';
import type { Env, ManagementParts } from './parts.ts';

const tags = ['Transcripts'];
const gone = { description: 'It is gone.' };

const readRoute = createRoute({
  method: 'get',
  path: '/requests/{id}/transcript',
  operationId: 'readTranscript',
  tags,
  summary: 'Read what was asked and answered',
  description:
    'There only for requests that reached a provider with a client key whose `keeps_transcripts` is true. Kept for `TRANSCRIPT_RETENTION_DAYS`.',
  request: { params: idParameter },
  responses: { 200: answer(transcriptSchema, 'The transcript.'), default: failure },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/requests/{id}/transcript',
  operationId: 'deleteTranscript',
  tags,
  summary: 'Delete what was asked and answered',
  description: 'The request itself stays in the ledger.',
  request: { params: idParameter },
  responses: { 204: gone, default: failure },
});

const deleteAllRoute = createRoute({
  method: 'delete',
  path: '/keys/{id}/transcripts',
  operationId: 'deleteKeyTranscripts',
  tags,
  summary: 'Delete all that was asked and answered with a client key',
  description: 'What comes later is kept again, unless `keeps_transcripts` is switched off first.',
  request: { params: idParameter },
  responses: { 204: gone, default: failure },
});

/** The routes of transcripts. */
export function transcriptRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const { transcripts, clientKeys } = parts.storage;
  const app = newApplication();

  app.openapi(readRoute, async (context) => {
    const { id } = context.req.valid('param');
    await catchUp(parts.ledger, parts.clock);
    const row = await transcripts.get(id);
    if (row === undefined) throw missing('transcript');
    // Who may read what others wrote shall not do it unseen.
    parts.log.info({ request_id: context.get('requestId'), resource_id: id, key_id: row.key_id }, 'transcript read');
    return context.json(present(row), 200);
  });

  app.openapi(deleteRoute, async (context) => {
    const { id } = context.req.valid('param');
    await catchUp(parts.ledger, parts.clock);
    await changes.run(context, id, async () => {
      if (!(await transcripts.remove(id))) throw missing('transcript');
    });
    return context.body(null, 204);
  });

  app.openapi(deleteAllRoute, async (context) => {
    const { id } = context.req.valid('param');
    await catchUp(parts.ledger, parts.clock);
    await changes.run(context, id, () => existing(clientKeys, 'client key', id));
    await deleteTranscriptsOf(parts, id);
    return context.body(null, 204);
  });

  return app;
}

/** Deletes all transcripts of a client key, a few at a time: others get to the database between. */
export async function deleteTranscriptsOf({ storage }: Pick<ManagementParts, 'storage'>, keyId: string): Promise<void> {
  while ((await storage.transcripts.removeSome(keyId)) > 0);
}

function present(row: TranscriptRow): TranscriptAnswer {
  return {
    request_id: row.request_id,
    key_id: row.key_id,
    created_at: new Date(row.created_at_ms).toISOString(),
    request: { text: row.request_text, is_cut: row.is_request_cut },
    answer: row.answer_text === null ? null : { text: row.answer_text, is_cut: row.is_answer_cut },
  };
}
