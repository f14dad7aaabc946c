// Transcripts over SQL: read and deleted one by one, or all of a client key.
import type { Kysely } from 'kysely';
import type { Tables } from './columns.ts';
import type { TranscriptStore } from './transcripts.ts';

/** A row may have 128 KiB. */
const removedAtOnce = 50;

/** The transcripts in an open, migrated database. */
export function transcriptStore(database: Kysely<Tables>): TranscriptStore {
  return {
    async get(requestId) {
      const row = await database
        .selectFrom('transcripts')
        .selectAll()
        .where('request_id', '=', requestId)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { is_request_cut: isRequestCut, is_answer_cut: isAnswerCut } = row;
      return { ...row, is_request_cut: Boolean(isRequestCut), is_answer_cut: Boolean(isAnswerCut) };
    },
    async remove(requestId) {
      const result = await database.deleteFrom('transcripts').where('request_id', '=', requestId).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
    async removeSome(keyId) {
      const some = database
        .selectFrom('transcripts')
        .select('request_id')
        .where('key_id', '=', keyId)
        .limit(removedAtOnce);
      const result = await database.deleteFrom('transcripts').where('request_id', 'in', some).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
