// The requests of each account and of each client key are listed many at once: a row in a place of its own for each request costs a page each.

/** Whether a request is among those that are listed already: then whoever changes it changes the lists with it. */
const isListed = (id: string): string => `${id} <= (SELECT until_id FROM listed_requests)`;

export const name = '0011-request-lists';

export const statements: readonly string[] = [
  // In place of the index requests_by_key, which could not lag behind its table.
  `CREATE TABLE request_keys (
    key_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    model TEXT,
    outcome TEXT NOT NULL,
    PRIMARY KEY (key_id, request_id)
  ) WITHOUT ROWID`,
  `INSERT INTO request_keys (key_id, request_id, model, outcome)
    SELECT key_id, id, model, outcome FROM requests WHERE key_id IS NOT NULL ORDER BY key_id, id`,
  'DROP INDEX requests_by_key',
  // A single row. Up to this id request_accounts and request_keys hold every request; after it they hold none.
  'CREATE TABLE listed_requests (until_id TEXT NOT NULL)',
  "INSERT INTO listed_requests (until_id) SELECT coalesce(max(id), '') FROM requests",
  'DROP TRIGGER attempts_insert_notes_account',
  `CREATE TRIGGER attempts_insert_notes_account AFTER INSERT ON attempts WHEN ${isListed('NEW.request_id')}
    BEGIN
      INSERT OR REPLACE INTO request_accounts (account_id, request_id, model, key_id, outcome)
      SELECT NEW.account_id, id, model, key_id, outcome FROM requests WHERE id = NEW.request_id;
    END`,
  `CREATE TRIGGER requests_insert_notes_key AFTER INSERT ON requests
    WHEN NEW.key_id IS NOT NULL AND ${isListed('NEW.id')}
    BEGIN
      INSERT OR REPLACE INTO request_keys (key_id, request_id, model, outcome)
      VALUES (NEW.key_id, NEW.id, NEW.model, NEW.outcome);
    END`,
  `CREATE TRIGGER requests_update_notes_key AFTER UPDATE OF model, key_id, outcome ON requests WHEN ${isListed('NEW.id')}
    BEGIN
      DELETE FROM request_keys WHERE key_id = OLD.key_id AND request_id = OLD.id;
      INSERT OR REPLACE INTO request_keys (key_id, request_id, model, outcome)
      SELECT NEW.key_id, NEW.id, NEW.model, NEW.outcome WHERE NEW.key_id IS NOT NULL;
    END`,
  `CREATE TRIGGER requests_delete_forgets_key AFTER DELETE ON requests
    BEGIN
      DELETE FROM request_keys WHERE key_id = OLD.key_id AND request_id = OLD.id;
    END`,
];
