// From the `auth_data` of a request to a credential that fits its provider, and on to its sealed form.
import { accountOwner, keyPrefixesOf } from '../configuration/snapshot.ts';
import { GatewayError } from '../core/errors.ts';
import type { Provider } from '../core/provider.ts';
import { Secret } from '../core/secret.ts';
import {
  adminKeyField,
  credentialFields,
  findAuthStrategy,
  readCredential,
  readKey,
  type AuthStrategy,
} from '../providers/auth-strategies.ts';
import type { AccountRow } from '../storage/storage.ts';
import { UnsealError, type Vault } from '../vault/vault.ts';
import type { AuthData } from './contract/account.ts';
import type { ManagementParts } from './parts.ts';

/** A credential that its provider's strategy accepts. */
export interface CheckedCredential {
  /** The name that it was given under. */
  readonly field: string;
  readonly credential: Secret;
  readonly strategy: AuthStrategy;
  /** What reads the provider's books; undefined where none is given. */
  readonly adminKey: Secret | undefined;
}

/** The provider of this id; throws an error about `provider_id` where there is none that works. */
export async function usableProvider(
  { configuration }: Pick<ManagementParts, 'configuration'>,
  id: string,
): Promise<Provider> {
  const known = configuration.current().providers.get(id);
  if (known !== undefined) return known;
  // Another program may have added it this very moment.
  await configuration.reload();
  const found = configuration.current().providers.get(id);
  if (found !== undefined) return found;
  const start = `provider "${id}" `;
  const problem = configuration.current().problems.find((sentence) => sentence.startsWith(start));
  throw new GatewayError(
    'invalid_request',
    problem === undefined
      ? `provider_id must be a provider; there is no "${id}" among /api/v1/providers.`
      : `provider_id must be a provider that works, and this one does not: ${problem}.`,
    { param: 'provider_id' },
  );
}

/** Reads and checks a credential; the error never holds any part of it. */
export function checkCredential(authData: AuthData, provider: Provider): CheckedCredential {
  const strategy = findAuthStrategy(provider.authStrategy);
  if (strategy === undefined) throw new Error(`provider ${provider.id} has an unknown auth_strategy`);
  const read = readCredential(authData, strategy, keyPrefixesOf(provider));
  if ('message' in read) throw new GatewayError('invalid_request', read.message, { param: read.param });
  const second = credentialFields.find((field) => field !== read.field && authData[field] !== undefined);
  if (second !== undefined) {
    const param = `auth_data.${second}`;
    throw new GatewayError('invalid_request', `auth_data must hold one credential; leave out ${param}.`, { param });
  }
  const given = authData[adminKeyField] ?? undefined;
  return { ...read, strategy, adminKey: given === undefined ? undefined : checkAdminKey(given, provider) };
}

/** Reads and checks a key for the provider's books; the error names `param` and never holds any part of the key. */
export function checkAdminKey(value: unknown, provider: Provider, param = `auth_data.${adminKeyField}`): Secret {
  const key = readKey(value, param, provider.vendor.books.adminKeyPrefixes);
  if (key instanceof Secret) return key;
  throw new GatewayError('invalid_request', key.message, { param: key.param });
}

/**
 * What an account's `auth_data` becomes with what is given: a credential replaces the one before it, an admin key the
 * one before it, null takes that away, and what is not given stays.
 */
export function mergedAuthData(vault: Vault, row: AccountRow, given: AuthData): AuthData {
  const hasCredential = credentialFields.some((field) => given[field] !== undefined);
  if (!hasCredential && given[adminKeyField] === undefined) return given;
  const opened = openedAuthData(vault, row);
  if (hasCredential) return { [adminKeyField]: opened?.[adminKeyField], ...given };
  if (opened !== undefined) return { ...opened, ...given };
  throw new GatewayError(
    'conflict',
    'The credential of the account cannot be opened; give it anew in auth_data, too.',
    {
      param: 'auth_data',
    },
  );
}

/** The key of an account that reads its provider's books, if it has one that can be opened. */
export function adminKeyOf(vault: Vault, row: AccountRow): Secret | undefined {
  const key = openedAuthData(vault, row)?.[adminKeyField];
  return typeof key === 'string' && key !== '' ? new Secret(key) : undefined;
}

/** Undefined where it cannot be opened, or is not what it should be. */
function openedAuthData(vault: Vault, row: AccountRow): AuthData | undefined {
  try {
    const opened: unknown = JSON.parse(vault.unseal(row.auth_data, accountOwner(row.id)));
    return typeof opened === 'object' && opened !== null ? opened : undefined;
  } catch (error) {
    if (error instanceof UnsealError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The columns that keep a credential: the sealed text, and what may be shown of it. */
export function sealedColumns(
  vault: Vault,
  accountId: string,
  { field, credential, adminKey }: CheckedCredential,
): Pick<AccountRow, 'auth_data' | 'auth_hint'> {
  return {
    auth_data: vault.seal(
      JSON.stringify({ [field]: credential.reveal(), [adminKeyField]: adminKey?.reveal() }),
      accountOwner(accountId),
    ),
    auth_hint: { [field]: credential.mask(), ...(adminKey !== undefined && { [adminKeyField]: adminKey.mask() }) },
  };
}
