// How credentials are read from `auth_data` and sent upstream: one row a strategy.
import { Secret } from '../core/secret.ts';

/** Names under which a credential may stand in `auth_data`, the first one found counts. */
export const credentialFields = ['api_key', 'apiKey', 'key', 'token', 'access_token'] as const;

/** Where `auth_data` may hold the key that reads the provider's own books, and does nothing else. */
export const adminKeyField = 'admin_key';

/** One way of proving to an upstream who one is. */
export interface AuthStrategy {
  readonly id: string;
  /** Whether the credential must begin as the provider's keys do. */
  readonly hasKeyFormat: boolean;
  /** Whether credentials expire and need renewing. */
  readonly expires: boolean;
  headers(credential: Secret): readonly [name: string, value: string][];
}

const bearerHeader = (credential: Secret): readonly [string, string][] => [
  ['authorization', `Bearer ${credential.reveal()}`],
];

/** Strategy id → strategy: the values of a provider's `auth_strategy`. */
export const authStrategies: Readonly<Record<string, AuthStrategy>> = {
  api_key: { id: 'api_key', hasKeyFormat: true, expires: false, headers: bearerHeader },
  bearer: { id: 'bearer', hasKeyFormat: false, expires: false, headers: bearerHeader },
};

/** The strategy of this id, if there is one. */
export function findAuthStrategy(id: string): AuthStrategy | undefined {
  return Object.hasOwn(authStrategies, id) ? authStrategies[id] : undefined;
}

/** What is wrong with an account's `auth_data`; `param` names the field. Never holds any part of the credential. */
export interface CredentialProblem {
  readonly param: string;
  readonly message: string;
}

/** The credential in `authData`, or what is wrong with it. `keyPrefixes` as the provider has them. */
export function readCredential(
  authData: Readonly<Record<string, unknown>>,
  strategy: AuthStrategy,
  keyPrefixes: readonly string[],
): { readonly field: string; readonly credential: Secret } | CredentialProblem {
  const field = credentialFields.find((name) => authData[name] !== undefined);
  if (field === undefined) {
    return { param: 'auth_data.api_key', message: `auth_data needs one of ${credentialFields.join(', ')}.` };
  }
  const param = `auth_data.${field}`;
  const read = readKey(authData[field], param, strategy.hasKeyFormat ? keyPrefixes : []);
  return read instanceof Secret ? { field, credential: read } : read;
}

/** A key that stands in the field `param`, or what is wrong with it. Without prefixes any text may be one. */
export function readKey(value: unknown, param: string, prefixes: readonly string[]): Secret | CredentialProblem {
  if (typeof value !== 'string' || value.trim() === '') return { param, message: `${param} must be a non-empty text.` };
  const text = value.trim();
  if (!/^[\x21-\x7e]+$/u.test(text)) {
    return { param, message: `${param} holds white space or characters that no key has; copy the key again.` };
  }
  if (prefixes.includes(text)) {
    return { param, message: `${param} is only the beginning of a key; copy the whole key.` };
  }
  if (prefixes.length > 0 && !prefixes.some((prefix) => text.startsWith(prefix))) {
    return {
      param,
      message: `${param} must start with ${listOf(prefixes)}; this does not look like a key of the provider.`,
    };
  }
  return new Secret(text);
}

function listOf(prefixes: readonly string[]): string {
  return prefixes.map((prefix) => `"${prefix}"`).join(' or ');
}
