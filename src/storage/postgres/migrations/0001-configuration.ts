// The first schema: providers, accounts, routes, and a revision that every change to them raises, whoever makes it.
import { id, json, raiseRevision, text, timestamp } from './columns.ts';

/** `last_used_at` is no configuration: noting a use must not reload it. */
const watchedOfAccounts =
  ' OF id, provider_id, label, auth_data, auth_hint, is_active, weight, priority, quota_group, allowed_models, limits, organization, project';

export const name = '0001-configuration';

export const statements: readonly string[] = [
  `CREATE TABLE providers (
    ${id},
    name ${text} NOT NULL,
    base_url ${text} NOT NULL CONSTRAINT "base_url must start with http:// or https://" CHECK (base_url ILIKE 'http://%' OR base_url ILIKE 'https://%'),
    auth_type ${text} NOT NULL DEFAULT 'api_key',
    auth_strategy ${text} NOT NULL DEFAULT 'api_key',
    ${json('supported_models', 'array')},
    is_active BOOLEAN NOT NULL DEFAULT true,
    ${json('config', 'object')}
  )`,
  `CREATE TABLE accounts (
    ${id},
    provider_id ${text} NOT NULL,
    label ${text} NOT NULL,
    auth_data ${text} NOT NULL CONSTRAINT "auth_data is kept encrypted: add accounts through the API" CHECK (auth_data LIKE 'agwv%'),
    auth_hint ${text} NOT NULL DEFAULT '{}',
    is_active BOOLEAN NOT NULL DEFAULT true,
    weight DOUBLE PRECISION NOT NULL DEFAULT 1 CONSTRAINT "weight must not be negative" CHECK (weight >= 0),
    priority BIGINT NOT NULL DEFAULT 0,
    quota_group ${text},
    allowed_models ${text} NOT NULL DEFAULT '[]',
    limits ${text} NOT NULL DEFAULT '{}',
    organization ${text},
    project ${text},
    created_at ${text} NOT NULL DEFAULT ${timestamp},
    updated_at ${text} NOT NULL DEFAULT ${timestamp},
    last_used_at ${text}
  )`,
  'CREATE INDEX accounts_by_provider ON accounts (provider_id)',
  `CREATE TABLE routes (
    ${id},
    pattern ${text} NOT NULL,
    provider_id ${text} NOT NULL,
    model ${text},
    fallbacks ${text} NOT NULL DEFAULT '[]'
  )`,
  'CREATE UNIQUE INDEX "pattern must be unique" ON routes (lower(pattern))',
  `CREATE TABLE notes (name ${text} NOT NULL PRIMARY KEY, content ${text} NOT NULL)`,
  'CREATE TABLE configuration_revision (revision BIGINT NOT NULL)',
  'INSERT INTO configuration_revision (revision) VALUES (1)',
  // The table's schema is named: who changes a row need not have it in the search path.
  `CREATE FUNCTION aigateway_raise_revision() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     EXECUTE format('UPDATE %I.configuration_revision SET revision = revision + 1', TG_TABLE_SCHEMA);
     PERFORM pg_notify('aigateway_changes', TG_TABLE_NAME);
     RETURN NULL;
   END $$`,
  raiseRevision('providers'),
  raiseRevision('accounts', watchedOfAccounts),
  raiseRevision('routes'),
];
