// Fast reading of the ledger: sums over longer times and fewer dimensions, and indexes that hold all that is filtered by.

const sums = [
  'requests',
  'attempts',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'audio_prompt_tokens',
  'audio_completion_tokens',
  'cost_nano_usd',
  'unpriced_tokens',
];

const quarterMs = 900_000;
const dayMs = 86_400_000;

/** Span → the dimensions kept at it: m the models, a the account, k the key. Why these: docs/decisions/0025-usage-folds.md. */
const spans: readonly (readonly [spanMs: number, kinds: readonly string[]])[] = [
  [quarterMs, ['']],
  [2 * quarterMs, ['m', 'a', 'k']],
  [4 * quarterMs, ['ma', 'mk', 'ak']],
  [dayMs, ['', 'm', 'a', 'k', 'ma', 'mk', 'ak', 'mak']],
  [7 * dayMs, ['ma', 'mk', 'ak', 'mak']],
  [28 * dayMs, ['mak']],
];

const kinds = spans
  .flatMap(([spanMs, names]) => names.map((name) => ({ spanMs, name })))
  .map(({ spanMs, name }, n) => {
    const has = (dimension: string): number => Number(name.includes(dimension));
    return `(${n + 1}, ${spanMs}, ${has('m')}, ${has('a')}, ${has('k')}, 0)`;
  });

/** Whoever writes to a quarter of an hour that has been folded already writes to its folds with it. */
function reachFolds(change: 'INSERT' | 'UPDATE' | 'DELETE'): string {
  const row = change === 'DELETE' ? 'OLD' : 'NEW';
  const added = { INSERT: (sum: string) => `NEW.${sum}`, UPDATE: (sum: string) => `NEW.${sum} - OLD.${sum}` };
  const value = change === 'DELETE' ? (sum: string): string => `-OLD.${sum}` : added[change];
  return `CREATE TRIGGER usage_quarters_${change.toLowerCase()}_reaches_folds AFTER ${change} ON usage_quarters
    WHEN ${row}.quarter_ms < (SELECT max(until_ms) FROM usage_fold_kinds)
    BEGIN
      INSERT INTO usage_folds (fold, start_ms, model, upstream_model, account_id, key_id, ${sums.join(', ')})
      SELECT fold, ${row}.quarter_ms - ${row}.quarter_ms % span_ms,
        CASE WHEN has_model THEN ${row}.model ELSE '' END,
        CASE WHEN has_model THEN ${row}.upstream_model ELSE '' END,
        CASE WHEN has_account THEN ${row}.account_id ELSE '' END,
        CASE WHEN has_key THEN ${row}.key_id ELSE '' END,
        ${sums.map(value).join(', ')}
      FROM usage_fold_kinds WHERE until_ms > ${row}.quarter_ms
      ON CONFLICT (fold, start_ms, model, upstream_model, account_id, key_id)
      DO UPDATE SET ${sums.map((sum) => `${sum} = ${sum} + excluded.${sum}`).join(', ')};
    END`;
}

export const name = '0007-usage-folds';

export const statements: readonly string[] = [
  // Each index holds every column of a filter, so that a filter that nothing fits is found out without a look at the rows.
  'DROP INDEX requests_by_model',
  'DROP INDEX requests_by_key',
  'DROP INDEX requests_by_outcome',
  'DROP INDEX attempts_by_account',
  'CREATE INDEX requests_by_model ON requests (model, id, key_id, outcome)',
  'CREATE INDEX requests_by_key ON requests (key_id, id, model, outcome) WHERE key_id IS NOT NULL',
  "CREATE INDEX requests_by_outcome ON requests (outcome, id, model, key_id) WHERE outcome <> 'ok'",
  `CREATE TABLE request_accounts (
    account_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    model TEXT,
    key_id TEXT,
    outcome TEXT NOT NULL,
    PRIMARY KEY (account_id, request_id)
  ) WITHOUT ROWID`,
  `INSERT OR IGNORE INTO request_accounts (account_id, request_id, model, key_id, outcome)
    SELECT attempts.account_id, requests.id, requests.model, requests.key_id, requests.outcome
    FROM attempts JOIN requests ON requests.id = attempts.request_id`,
  // An attempt is written after its request.
  `CREATE TRIGGER attempts_insert_notes_account AFTER INSERT ON attempts
    BEGIN
      INSERT OR REPLACE INTO request_accounts (account_id, request_id, model, key_id, outcome)
      SELECT NEW.account_id, id, model, key_id, outcome FROM requests WHERE id = NEW.request_id;
    END`,
  `CREATE TRIGGER requests_update_notes_accounts AFTER UPDATE OF model, key_id, outcome ON requests
    BEGIN
      UPDATE request_accounts SET model = NEW.model, key_id = NEW.key_id, outcome = NEW.outcome
      WHERE request_id = NEW.id AND account_id IN (SELECT account_id FROM attempts WHERE request_id = NEW.id);
    END`,
  `CREATE TRIGGER attempts_delete_forgets_account AFTER DELETE ON attempts
    BEGIN
      DELETE FROM request_accounts WHERE account_id = OLD.account_id AND request_id = OLD.request_id;
    END`,
  `CREATE TABLE usage_fold_kinds (
    fold INTEGER PRIMARY KEY,
    span_ms INTEGER NOT NULL,
    has_model INTEGER NOT NULL,
    has_account INTEGER NOT NULL,
    has_key INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
  )`,
  `INSERT INTO usage_fold_kinds (fold, span_ms, has_model, has_account, has_key, until_ms) VALUES ${kinds.join(', ')}`,
  `CREATE TABLE usage_folds (
    fold INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    model TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    account_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    ${sums.map((sum) => `${sum} INTEGER NOT NULL`).join(',\n    ')},
    PRIMARY KEY (fold, start_ms, model, upstream_model, account_id, key_id)
  ) WITHOUT ROWID`,
  ...(['INSERT', 'UPDATE', 'DELETE'] as const).map(reachFolds),
];
