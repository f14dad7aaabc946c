// From the `auth_data` of a request to a credential that fits its provider, and on to its sealed form.
import { accountOwner, keyPrefixesOf } from '../configuration/snapshot.ts';
import { GatewayError } from '../core/errors.ts';
import type { Provider } from '../core/provider.ts';
import type { Secret } from '../core/secret.ts';
import { findAuthStrategy, readCredential, type AuthStrategy } from '../providers/auth-strategies.ts';
import type { AccountRow } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';
import type { AuthData } from './contract/account.ts';
import type { ManagementParts } from './parts.ts';

/** A credential that its provider's strategy accepts. */
export interface CheckedCredential {
  /** The name that it was given under. */
  readonly field: string;
  readonly credential: Secret;
  readonly strategy: AuthStrategy;
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
  const second = Object.keys(authData).find((field) => field !== read.field && authData[field] !== undefined);
  if (second !== undefined) {
    const param = `auth_data.${second}`;
    throw new GatewayError('invalid_request', `auth_data must hold one credential; leave out ${param}.`, { param });
  }
  return { ...read, strategy };
}

/** The columns that keep a credential: the sealed text, and what may be shown of it. */
export function sealedColumns(
  vault: Vault,
  accountId: string,
  { field, credential }: CheckedCredential,
): Pick<AccountRow, 'auth_data' | 'auth_hint'> {
  return {
    auth_data: vault.seal(JSON.stringify({ [field]: credential.reveal() }), accountOwner(accountId)),
    auth_hint: { [field]: credential.mask() },
  };
}
