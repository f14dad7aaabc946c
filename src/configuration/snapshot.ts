// From rows to the configuration in force: pure, and one bad row never spoils the others.
import type { Account, AccountLimits } from '../core/account.ts';
import type { Configuration } from '../core/configuration.ts';
import { comparePatterns } from '../core/model-pattern.ts';
import type { Price } from '../core/price.ts';
import type { Provider, ProviderConfig } from '../core/provider.ts';
import type { Route } from '../core/route.ts';
import { authStrategies, findAuthStrategy, readCredential } from '../providers/auth-strategies.ts';
import { baseUrlProblem } from '../providers/base-url.ts';
import { openPriceBook } from '../prices/book.ts';
import { builtInProviders, listPrices, vendorOf } from '../providers/registry.ts';
import type { AccountRow, ConfigurationRows, ProviderRow, RouteRow } from '../storage/storage.ts';
import { sealedContent, UnsealError, type Vault } from '../vault/vault.ts';
import { readPrice } from './prices.ts';
import { accountLimitsSchema, fallbackSchema, providerConfigSchema } from './row-schemas.ts';
import { RowProblem } from './row-problem.ts';

/** The provider rows with the built-in ones that no row overrides. */
export function withBuiltIns(rows: readonly ProviderRow[]): ProviderRow[] {
  const written = new Set(rows.map((row) => row.id));
  return [...builtInProviders.filter((provider) => !written.has(provider.id)), ...rows];
}

/** The owner that an account's secrets are bound to in the vault. */
export function accountOwner(id: string): string {
  return `account ${id}`;
}

/**
 * Builds the configuration; what cannot be understood is left out and named in `problems`. An account of `before` whose
 * credential was sealed meanwhile with a master key that this process does not have goes on with the one that it had.
 */
export function buildConfiguration(
  rows: ConfigurationRows,
  vault: Pick<Vault, 'unseal'>,
  before?: Pick<Configuration, 'accounts'>,
): Configuration {
  const problems = [...rows.problems];
  const keep = <Row extends { readonly id: string }, Item>(
    kind: string,
    list: readonly Row[],
    read: (row: Row) => Item,
  ): Item[] =>
    list.flatMap((row) => {
      try {
        return [read(row)];
      } catch (error) {
        if (!(error instanceof RowProblem)) throw error;
        problems.push(`${kind} ${JSON.stringify(row.id)} ${error.message}`);
        return [];
      }
    });
  const providers = new Map(
    keep('provider', withBuiltIns(rows.providers), readProvider).map((provider) => [provider.id, provider]),
  );
  const routes = keep('route', rows.routes, readRoute);
  const prices = keep('price', rows.prices, readPrice);
  problems.push(...routes.flatMap((route) => lostEnds(route, providers)), ...rivals(prices));
  return {
    revision: rows.revision,
    providers,
    accounts: keep('account', rows.accounts, (row) => {
      const provider = providerOf(row, providers);
      try {
        return readAccount(row, provider, readAccountCredential(row, provider, vault));
      } catch (error) {
        const known = before?.accounts.find(({ id, providerId }) => id === row.id && providerId === row.provider_id);
        if (!(error instanceof OtherKeyProblem) || known === undefined) throw error;
        problems.push(`account "${row.id}" ${error.message}; it goes on with the credential that it had`);
        return readAccount(row, provider, known);
      }
    }),
    routes: routes.sort((a, b) => comparePatterns(a.pattern, b.pattern)),
    prices: openPriceBook(listPrices, prices),
    problems,
  };
}

/** Prices that another one keeps from ever being in force: the database tells moments apart by how they are spelt. */
function rivals(prices: readonly Price[]): string[] {
  const groups = Map.groupBy(prices, ({ model, providerId, tier, fromMs }) =>
    JSON.stringify([model, providerId, tier, fromMs]),
  );
  return [...groups.values()].flatMap(([first, ...others]) =>
    others.map(({ id }) => `price "${id}" begins at the same moment as price "${first?.id}", which counts`),
  );
}

/** The right master key would open it. */
class OtherKeyProblem extends RowProblem {}

/** What a header can hold: every answer names its provider in one. */
const sendable = /^[\x20-\x7e]+$/u;

function readProvider(row: ProviderRow): Provider {
  if (!sendable.test(row.id))
    throw new RowProblem('has an id that no header can hold; use lower-case letters, digits, "-" and "_"');
  if (findAuthStrategy(row.auth_strategy) === undefined) {
    throw new RowProblem(
      `has an unknown auth_strategy "${row.auth_strategy}"; use ${Object.keys(authStrategies).join(' or ')}`,
    );
  }
  const config = readConfig(row);
  const problem = baseUrlProblem(row.base_url, config.allow_private === true);
  if (problem !== undefined) throw new RowProblem(`cannot be used: base_url ${problem}`);
  const url = new URL(row.base_url);
  return {
    id: row.id,
    name: row.name,
    baseUrl: row.base_url,
    origin: url.origin,
    basePath: basePathOf(url, config.path_prefix ?? '/v1'),
    authType: row.auth_type,
    authStrategy: row.auth_strategy,
    supportedModels: row.supported_models,
    isActive: row.is_active,
    config,
    vendor: vendorOf(row.id),
  };
}

function readConfig(row: ProviderRow): ProviderConfig {
  const read = providerConfigSchema.safeParse(row.config);
  if (read.success) return read.data;
  throw new RowProblem(`has a config in which ${read.error.issues[0]?.path.join('.') ?? ''} is not as it must be`);
}

/** The URL's own path plus the prefix, unless the path ends with it already: `https://host/v1` is meant as `https://host`. */
function basePathOf(url: URL, prefix: string): string {
  const path = url.pathname.replace(/\/+$/u, '');
  return prefix !== '' && path.endsWith(prefix) ? path : path + prefix;
}

function providerOf(row: AccountRow, providers: ReadonlyMap<string, Provider>): Provider {
  const provider = providers.get(row.provider_id);
  if (provider === undefined) throw new RowProblem(`belongs to an unknown provider "${row.provider_id}"`);
  return provider;
}

type AccountCredential = Pick<Account, 'credential' | 'credentialVersion' | 'authHeaders'>;

function readAccountCredential(row: AccountRow, provider: Provider, vault: Pick<Vault, 'unseal'>): AccountCredential {
  const strategy = findAuthStrategy(provider.authStrategy);
  if (strategy === undefined) throw new RowProblem(`has a provider with an unknown auth_strategy`);
  const read = readCredential(openAuthData(row, vault), strategy, keyPrefixesOf(provider));
  if ('message' in read) throw new RowProblem(`cannot be used: ${read.message.replace(/\.$/u, '')}`);
  return {
    credential: read.credential,
    authHeaders: (credential) => strategy.headers(credential),
    // Not the whole envelope: another master key is no other credential.
    credentialVersion: sealedContent(row.auth_data),
  };
}

/** One that is no number, as a text that SQL wrote, would be waited for and never chosen. */
function readWeight({ weight }: AccountRow): number {
  if (weight >= 0 && Number.isFinite(weight)) return weight;
  throw new RowProblem('has a weight that is no number from 0 up');
}

function readLimits({ limits }: AccountRow): AccountLimits {
  const read = accountLimitsSchema.safeParse(limits);
  if (read.success) return read.data;
  const name = read.error.issues[0]?.path.join('.') ?? '';
  throw new RowProblem(`has limits in which ${name} is not a whole number from 1 up, or null`);
}

function readAccount(row: AccountRow, provider: Provider, credential: AccountCredential): Account {
  return {
    id: row.id,
    providerId: provider.id,
    label: row.label,
    credential: credential.credential,
    authHeaders: credential.authHeaders,
    credentialVersion: credential.credentialVersion,
    isActive: row.is_active,
    weight: readWeight(row),
    priority: row.priority,
    quotaGroup: row.quota_group,
    allowedModels: row.allowed_models,
    limits: readLimits(row),
    organization: row.organization,
    project: row.project,
  };
}

/** What the provider's keys begin with; empty where any text may be one. */
export function keyPrefixesOf(provider: Provider): readonly string[] {
  return provider.config.key_prefixes ?? provider.vendor.keyPrefixes;
}

function openAuthData(row: AccountRow, vault: Pick<Vault, 'unseal'>): Record<string, unknown> {
  try {
    const opened: unknown = JSON.parse(vault.unseal(row.auth_data, accountOwner(row.id)));
    return typeof opened === 'object' && opened !== null ? { ...opened } : {};
  } catch (error) {
    if (!(error instanceof UnsealError)) throw new RowProblem('has auth_data that is not JSON inside');
    const Problem = error.isOtherKey ? OtherKeyProblem : RowProblem;
    throw new Problem(`has auth_data that cannot be opened: ${error.message}`);
  }
}

/** Where a route leads to nobody: it stays, for the models that it fits are not to go elsewhere without a word. */
function lostEnds({ id, providerId, fallbacks }: Route, providers: ReadonlyMap<string, Provider>): string[] {
  const lost = fallbacks.filter(({ provider_id: to }) => !providers.has(to));
  return [
    ...(providers.has(providerId) ? [] : [`route "${id}" leads to an unknown provider "${providerId}"`]),
    ...lost.map(({ provider_id: to }) => `route "${id}" falls back to an unknown provider "${to}"`),
  ];
}

function readRoute(row: RouteRow): Route {
  const fallbacks = fallbackSchema.array().safeParse(row.fallbacks);
  if (!fallbacks.success) throw new RowProblem('has fallbacks that cannot be understood');
  return {
    id: row.id,
    pattern: row.pattern,
    providerId: row.provider_id,
    model: row.model,
    fallbacks: fallbacks.data,
  };
}
