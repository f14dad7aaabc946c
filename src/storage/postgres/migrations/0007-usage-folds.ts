// Fast reading of the ledger: sums over longer times and fewer dimensions, and indexes that hold all that is filtered by.
import { text } from './columns.ts';

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
    const has = (dimension: string): boolean => name.includes(dimension);
    return `(${n + 1}, ${spanMs}, ${has('m')}, ${has('a')}, ${has('k')}, 0)`;
  });

const delta = (sum: string): string =>
  `CASE TG_OP WHEN 'INSERT' THEN NEW.${sum} WHEN 'DELETE' THEN -OLD.${sum} ELSE NEW.${sum} - OLD.${sum} END`;

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
    account_id ${text} NOT NULL,
    request_id ${text} NOT NULL,
    model ${text},
    key_id ${text},
    outcome ${text} NOT NULL,
    PRIMARY KEY (account_id, request_id) INCLUDE (model, key_id, outcome)
  )`,
  `INSERT INTO request_accounts (account_id, request_id, model, key_id, outcome)
    SELECT DISTINCT attempts.account_id, requests.id, requests.model, requests.key_id, requests.outcome
    FROM attempts JOIN requests ON requests.id = attempts.request_id`,
  // An attempt is written after its request.
  `CREATE FUNCTION aigateway_note_account() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
   BEGIN
     IF TG_OP = 'DELETE' THEN
       DELETE FROM request_accounts WHERE account_id = OLD.account_id AND request_id = OLD.request_id;
     ELSE
       INSERT INTO request_accounts (account_id, request_id, model, key_id, outcome)
       SELECT NEW.account_id, id, model, key_id, outcome FROM requests WHERE id = NEW.request_id
       ON CONFLICT (account_id, request_id) DO NOTHING;
     END IF;
     RETURN NULL;
   END $$`,
  `CREATE FUNCTION aigateway_note_request() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
   BEGIN
     UPDATE request_accounts SET model = NEW.model, key_id = NEW.key_id, outcome = NEW.outcome
     WHERE request_id = NEW.id AND account_id IN (SELECT account_id FROM attempts WHERE request_id = NEW.id);
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER attempts_note_account AFTER INSERT OR DELETE OR UPDATE OF account_id ON attempts
   FOR EACH ROW EXECUTE FUNCTION aigateway_note_account()`,
  `CREATE TRIGGER requests_note_accounts AFTER UPDATE OF model, key_id, outcome ON requests
   FOR EACH ROW EXECUTE FUNCTION aigateway_note_request()`,
  `CREATE TABLE usage_fold_kinds (
    fold BIGINT PRIMARY KEY,
    span_ms BIGINT NOT NULL,
    has_model BOOLEAN NOT NULL,
    has_account BOOLEAN NOT NULL,
    has_key BOOLEAN NOT NULL,
    until_ms BIGINT NOT NULL
  )`,
  `INSERT INTO usage_fold_kinds (fold, span_ms, has_model, has_account, has_key, until_ms) VALUES ${kinds.join(', ')}`,
  `CREATE TABLE usage_folds (
    fold BIGINT NOT NULL,
    start_ms BIGINT NOT NULL,
    model ${text} NOT NULL,
    upstream_model ${text} NOT NULL,
    account_id ${text} NOT NULL,
    key_id ${text} NOT NULL,
    ${sums.map((sum) => `${sum} BIGINT NOT NULL`).join(',\n    ')},
    PRIMARY KEY (fold, start_ms, model, upstream_model, account_id, key_id)
  )`,
  // Whoever writes to a quarter of an hour that has been folded already writes to its folds with it. Whoever folds takes
  // the lock for itself alone: it sees all that was written before, and all that is written after sees what is folded.
  `CREATE FUNCTION aigateway_reach_folds() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
   DECLARE
     changed usage_quarters%ROWTYPE;
   BEGIN
     changed := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
     PERFORM pg_advisory_xact_lock_shared('usage_quarters'::regclass::oid::bigint);
     IF changed.quarter_ms < (SELECT max(until_ms) FROM usage_fold_kinds) THEN
       INSERT INTO usage_folds AS fold (fold, start_ms, model, upstream_model, account_id, key_id, ${sums.join(', ')})
       SELECT kind.fold, changed.quarter_ms - changed.quarter_ms % span_ms,
         CASE WHEN has_model THEN changed.model ELSE '' END,
         CASE WHEN has_model THEN changed.upstream_model ELSE '' END,
         CASE WHEN has_account THEN changed.account_id ELSE '' END,
         CASE WHEN has_key THEN changed.key_id ELSE '' END,
         ${sums.map(delta).join(',\n         ')}
       FROM usage_fold_kinds AS kind WHERE until_ms > changed.quarter_ms ORDER BY kind.fold
       ON CONFLICT (fold, start_ms, model, upstream_model, account_id, key_id)
       DO UPDATE SET ${sums.map((sum) => `${sum} = fold.${sum} + excluded.${sum}`).join(', ')};
     END IF;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER usage_quarters_reach_folds AFTER INSERT OR UPDATE OR DELETE ON usage_quarters
   FOR EACH ROW EXECUTE FUNCTION aigateway_reach_folds()`,
];
