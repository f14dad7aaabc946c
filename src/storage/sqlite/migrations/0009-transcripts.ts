// What requests asked and were answered, for the client keys that say that this be kept.

const flag = (column: string): string =>
  `${column} INTEGER NOT NULL DEFAULT 0 CONSTRAINT "${column} must be true or false" CHECK (${column} IN (0, 1))`;

export const name = '0009-transcripts';

export const statements: readonly string[] = [
  `ALTER TABLE client_keys ADD COLUMN ${flag('keeps_transcripts')}`,
  `CREATE TRIGGER client_keys_update_of_transcripts_is_noted AFTER UPDATE OF keeps_transcripts ON client_keys
   BEGIN
     DELETE FROM client_key_changes WHERE key_id = NEW.id;
     INSERT INTO client_key_changes (key_id) VALUES (NEW.id);
   END`,
  // An id begins with the time of its request, so the oldest are found by the primary key.
  `CREATE TABLE transcripts (
    request_id TEXT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    request_text TEXT NOT NULL,
    ${flag('is_request_cut')},
    answer_text TEXT,
    ${flag('is_answer_cut')}
  )`,
  'CREATE INDEX transcripts_by_key ON transcripts (key_id, request_id)',
];
