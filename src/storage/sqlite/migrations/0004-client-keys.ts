// Client keys, and a list of which of them changed last, whoever changed them: a reader takes in what is new to it and no more.

const timestamp = "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";

/** `last_used_at` is no configuration: noting a use is no change. */
const watched = [
  'id',
  'name',
  'key_hash',
  'previous_key_hash',
  'previous_until',
  'models',
  'rpm',
  'tpm',
  'max_concurrency',
  'budget_nano_usd',
  'budget_period',
  'budget_time_zone',
  'limits_mode',
  'budget_mode',
  'allows_unpriced',
  'expires_at',
  'is_active',
  'revoked_at',
];

/** A trigger that moves a key to the end of the list of changes. Every entry has a number of its own, never given twice. */
const notes = (name: string, when: string, id: string): string =>
  `CREATE TRIGGER client_keys_${name} AFTER ${when}
   BEGIN
     DELETE FROM client_key_changes WHERE key_id = ${id};
     INSERT INTO client_key_changes (key_id) VALUES (${id});
   END`;

const hash = (column: string, isNeeded: boolean): string =>
  `${column} TEXT ${isNeeded ? 'NOT NULL ' : ''}UNIQUE CONSTRAINT "${column} must be the SHA-256 of the key in hexadecimal" CHECK (length(${column}) = 64 AND ${column} NOT GLOB '*[^0-9a-f]*')`;

const limit = (column: string): string =>
  `${column} INTEGER CONSTRAINT "${column} must be a whole number from 1, or NULL" CHECK (${column} IS NULL OR (typeof(${column}) = 'integer' AND ${column} BETWEEN 1 AND 1000000000000))`;

const time = (column: string): string =>
  `${column} TEXT CONSTRAINT "${column} must be a time in UTC such as 2026-12-31T00:00:00.000Z" CHECK (${column} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]*Z')`;

const mode = (column: string): string =>
  `${column} TEXT NOT NULL DEFAULT 'enforce' CONSTRAINT "${column} must be enforce or shadow" CHECK (${column} IN ('enforce', 'shadow'))`;

const flag = (column: string, otherwise: 0 | 1): string =>
  `${column} INTEGER NOT NULL DEFAULT ${otherwise} CONSTRAINT "${column} must be true or false" CHECK (${column} IN (0, 1))`;

const json = (column: string, type: 'array' | 'object'): string =>
  `${column} TEXT NOT NULL DEFAULT '${type === 'array' ? '[]' : '{}'}' CONSTRAINT "${column} must be a JSON ${type}" CHECK (CASE WHEN json_valid(${column}) THEN json_type(${column}) = '${type}' ELSE 0 END)`;

export const name = '0004-client-keys';

export const statements: readonly string[] = [
  `CREATE TABLE client_keys (
    id TEXT NOT NULL PRIMARY KEY CONSTRAINT "id must not be empty" CHECK (id <> ''),
    name TEXT NOT NULL,
    prefix TEXT NOT NULL DEFAULT '',
    ${hash('key_hash', true)},
    ${hash('previous_key_hash', false)},
    ${time('previous_until')},
    ${json('models', 'array')},
    ${limit('rpm')},
    ${limit('tpm')},
    ${limit('max_concurrency')},
    budget_nano_usd INTEGER CONSTRAINT "budget_nano_usd must be a whole number of nano-dollars, or NULL" CHECK (budget_nano_usd IS NULL OR (typeof(budget_nano_usd) = 'integer' AND budget_nano_usd BETWEEN 0 AND 9007199254740991)),
    budget_period TEXT NOT NULL DEFAULT 'none' CONSTRAINT "budget_period must be day, week, month or none" CHECK (budget_period IN ('day', 'week', 'month', 'none')),
    budget_time_zone TEXT NOT NULL DEFAULT 'UTC',
    ${mode('limits_mode')},
    ${mode('budget_mode')},
    ${flag('allows_unpriced', 0)},
    ${json('metadata', 'object')},
    ${time('expires_at')},
    ${flag('is_active', 1)},
    ${time('revoked_at')},
    created_at TEXT NOT NULL DEFAULT ${timestamp},
    updated_at TEXT NOT NULL DEFAULT ${timestamp},
    last_used_at TEXT
  )`,
  `CREATE TABLE client_key_changes (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id TEXT NOT NULL UNIQUE
  )`,
  notes('insert_is_noted', 'INSERT ON client_keys', 'NEW.id'),
  notes('update_is_noted', `UPDATE OF ${watched.join(', ')} ON client_keys`, 'NEW.id'),
  notes('new_id_is_noted', 'UPDATE OF id ON client_keys WHEN OLD.id <> NEW.id', 'OLD.id'),
  notes('delete_is_noted', 'DELETE ON client_keys', 'OLD.id'),
];
