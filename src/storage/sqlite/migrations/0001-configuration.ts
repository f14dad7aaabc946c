// The first schema: providers, accounts, routes, and a revision that every change to them raises, whoever makes it.

const changes = ['INSERT', 'UPDATE', 'DELETE'] as const;

/** `last_used_at` is no configuration: noting a use must not reload it. */
const watched = {
  providers: '',
  accounts:
    ' OF id, provider_id, label, auth_data, auth_hint, is_active, weight, priority, quota_group, allowed_models, limits, organization, project',
  routes: '',
};

const triggers = Object.entries(watched).flatMap(([table, columns]) =>
  changes.map(
    (change) =>
      `CREATE TRIGGER ${table}_${change.toLowerCase()}_raises_revision AFTER ${change}${change === 'UPDATE' ? columns : ''} ON ${table}
       BEGIN UPDATE configuration_revision SET revision = revision + 1; END`,
  ),
);

const timestamp = "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";

export const name = '0001-configuration';

export const statements: readonly string[] = [
  `CREATE TABLE providers (
    id TEXT NOT NULL PRIMARY KEY CONSTRAINT "id must not be empty" CHECK (id <> ''),
    name TEXT NOT NULL,
    base_url TEXT NOT NULL CONSTRAINT "base_url must start with http:// or https://" CHECK (base_url LIKE 'http://%' OR base_url LIKE 'https://%'),
    auth_type TEXT NOT NULL DEFAULT 'api_key',
    auth_strategy TEXT NOT NULL DEFAULT 'api_key',
    supported_models TEXT NOT NULL DEFAULT '[]' CONSTRAINT "supported_models must be a JSON array" CHECK (CASE WHEN json_valid(supported_models) THEN json_type(supported_models) = 'array' ELSE 0 END),
    is_active INTEGER NOT NULL DEFAULT 1 CONSTRAINT "is_active must be true or false" CHECK (is_active IN (0, 1)),
    config TEXT NOT NULL DEFAULT '{}' CONSTRAINT "config must be a JSON object" CHECK (CASE WHEN json_valid(config) THEN json_type(config) = 'object' ELSE 0 END)
  )`,
  `CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY CONSTRAINT "id must not be empty" CHECK (id <> ''),
    provider_id TEXT NOT NULL,
    label TEXT NOT NULL,
    auth_data TEXT NOT NULL CONSTRAINT "auth_data is kept encrypted: add accounts through the API" CHECK (auth_data LIKE 'agwv%'),
    auth_hint TEXT NOT NULL DEFAULT '{}',
    is_active INTEGER NOT NULL DEFAULT 1 CONSTRAINT "is_active must be true or false" CHECK (is_active IN (0, 1)),
    weight REAL NOT NULL DEFAULT 1 CONSTRAINT "weight must not be negative" CHECK (weight >= 0),
    priority INTEGER NOT NULL DEFAULT 0,
    quota_group TEXT,
    allowed_models TEXT NOT NULL DEFAULT '[]',
    limits TEXT NOT NULL DEFAULT '{}',
    organization TEXT,
    project TEXT,
    created_at TEXT NOT NULL DEFAULT ${timestamp},
    updated_at TEXT NOT NULL DEFAULT ${timestamp},
    last_used_at TEXT
  )`,
  'CREATE INDEX accounts_by_provider ON accounts (provider_id)',
  `CREATE TABLE routes (
    id TEXT NOT NULL PRIMARY KEY CONSTRAINT "id must not be empty" CHECK (id <> ''),
    pattern TEXT NOT NULL COLLATE NOCASE UNIQUE,
    provider_id TEXT NOT NULL,
    model TEXT,
    fallbacks TEXT NOT NULL DEFAULT '[]'
  )`,
  'CREATE TABLE notes (name TEXT NOT NULL PRIMARY KEY, content TEXT NOT NULL)',
  'CREATE TABLE configuration_revision (revision INTEGER NOT NULL)',
  'INSERT INTO configuration_revision (revision) VALUES (1)',
  ...triggers,
];
