// What requests asked and were answered, for the client keys that say that this be kept.
import { text } from './columns.ts';

export const name = '0009-transcripts';

export const statements: readonly string[] = [
  'ALTER TABLE client_keys ADD COLUMN keeps_transcripts BOOLEAN NOT NULL DEFAULT false',
  `CREATE TRIGGER client_keys_lock_changes_of_transcripts BEFORE UPDATE OF keeps_transcripts ON client_keys
   FOR EACH STATEMENT EXECUTE FUNCTION aigateway_lock_changes()`,
  `CREATE TRIGGER client_keys_note_change_of_transcripts AFTER UPDATE OF keeps_transcripts ON client_keys
   FOR EACH ROW EXECUTE FUNCTION aigateway_note_client_key()`,
  // An id begins with the time of its request, so the oldest are found by the primary key.
  `CREATE TABLE transcripts (
    request_id ${text} NOT NULL PRIMARY KEY,
    key_id ${text} NOT NULL,
    created_at_ms BIGINT NOT NULL,
    request_text ${text} NOT NULL,
    is_request_cut BOOLEAN NOT NULL DEFAULT false,
    answer_text ${text},
    is_answer_cut BOOLEAN NOT NULL DEFAULT false
  )`,
  'CREATE INDEX transcripts_by_key ON transcripts (key_id, request_id)',
];
