// The requests of each account and of each client key in an order of their own, brought up to date many at once: each page is then written once for many rows.
import type { DatabaseSync } from 'node:sqlite';

/** Requests that may wait to be listed: who asks for those of an account looks through all of them, in some 10 ms. */
export const mostUnlisted = 20_000;

const untilId = '(SELECT until_id FROM listed_requests)';
const accountColumns = 'account_id, request_id, model, key_id, outcome';

/** The rows that `request_accounts` lacks. Requests first: more often than not all that is wanted of them is in one page. */
const unlistedAccounts = `
  SELECT account_id, id, requests.model, key_id, requests.outcome FROM requests CROSS JOIN attempts ON request_id = id
  WHERE id > ${untilId}`;

const statements = {
  isUnlisted: `SELECT 1 FROM requests WHERE id > ${untilId} LIMIT 1 OFFSET ?`,
  lastId: `SELECT max(id) AS id FROM requests WHERE id > ${untilId}`,
  // Tried twice on an account, a request is listed there once.
  listAccounts: `INSERT OR IGNORE INTO request_accounts (${accountColumns}) ${unlistedAccounts} ORDER BY account_id, id`,
  listKeys: `INSERT OR IGNORE INTO request_keys (key_id, request_id, model, outcome)
    SELECT key_id, id, model, outcome FROM requests WHERE id > ${untilId} AND key_id IS NOT NULL ORDER BY key_id, id`,
  setUntil: 'UPDATE listed_requests SET until_id = ?',
} as const;

/** Whether so many requests wait to be listed, or more. */
export function areUnlisted(database: DatabaseSync, count: number): boolean {
  return database.prepare(statements.isUnlisted).get(count - 1) !== undefined;
}

/**
 * Lists every request that is not listed yet, in the transaction that is open: what comes later with an earlier id is
 * listed by the triggers as it comes. False where nothing was to be done.
 */
export function listRequests(database: DatabaseSync): boolean {
  const last = database.prepare(statements.lastId).get()?.['id'];
  if (typeof last !== 'string') return false;
  database.prepare(statements.listAccounts).run();
  database.prepare(statements.listKeys).run();
  database.prepare(statements.setUntil).run(last);
  return true;
}

/** What `showAllRequestAccounts` makes. */
export const allRequestAccounts = 'all_request_accounts';

/**
 * Makes a view of `request_accounts` as if all requests were listed, which this connection alone sees. Within a
 * transaction it stays as it is; the database itself is not written.
 */
export function showAllRequestAccounts(database: DatabaseSync): void {
  database.exec(`
    CREATE TEMP TABLE unlisted_accounts (
      account_id TEXT NOT NULL, request_id TEXT NOT NULL, model TEXT, key_id TEXT, outcome TEXT NOT NULL,
      PRIMARY KEY (account_id, request_id)
    ) WITHOUT ROWID;
    INSERT OR IGNORE INTO unlisted_accounts (${accountColumns}) ${unlistedAccounts};
    CREATE TEMP VIEW ${allRequestAccounts} AS
      SELECT ${accountColumns} FROM request_accounts UNION ALL SELECT ${accountColumns} FROM unlisted_accounts`);
}
