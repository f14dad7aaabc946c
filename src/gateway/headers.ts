// Which headers go up to the provider and which come back to the client.
import type { Account } from '../core/account.ts';
import type { Exchange } from '../core/exchange.ts';
import { hasSecret } from '../core/redaction.ts';
import type { Secret } from '../core/secret.ts';

/** Header names of the client that the upstream may see, besides `x-stainless-*`. */
const allowedUp = new Set([
  'content-type',
  'accept',
  'openai-beta',
  'idempotency-key',
  'x-client-request-id',
  'user-agent',
]);

/** Header names of the upstream that the client does not see: per hop, of the vendor's edge, or said anew by the gateway. */
const deniedDown = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'content-encoding',
  'date',
  'server',
  'set-cookie',
  'alt-svc',
  'strict-transport-security',
  'nel',
  'report-to',
  'via',
]);

const none: readonly string[] = [];

/** Prefixes of the same. Cross-origin permission is the gateway's to give, never the upstream's. */
const deniedDownPrefixes = ['cf-', 'access-control-', 'x-aigateway-'];

/** The headers for the upstream, name and value in turn: the client's allowed ones and the account's credential. */
export function requestHeaders(exchange: Exchange, account: Account): string[] {
  const list: string[] = [];
  const { headers } = exchange;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (isAllowedUp(name, account)) list.push(name, headers[i + 1] as string);
  }
  const own = ownHeaders(account);
  for (let i = 0; i < own.length; i += 1) list.push(own[i] as string);
  return list;
}

/** Made once for an account as it is. */
const known = new WeakMap<Account, readonly string[]>();

/** What says who the account is. */
function ownHeaders(account: Account): readonly string[] {
  let list = known.get(account);
  if (list === undefined) {
    const { organization, project } = account;
    list = [
      ...account.authHeaders(account.credential).flat(),
      ...(organization === null ? [] : ['openai-organization', organization]),
      ...(project === null ? [] : ['openai-project', project]),
    ];
    known.set(account, list);
  }
  return list;
}

function isAllowedUp(name: string, account: Account): boolean {
  if (allowedUp.has(name) || name.startsWith('x-stainless-')) return true;
  // Sent on only where the account sets none of its own.
  if (name === 'openai-organization') return account.organization === null;
  return name === 'openai-project' && account.project === null;
}

/** The upstream's headers without those in which it repeats the account's credential, whatever else they say; name and value in turn. */
export function withoutCredential(headers: readonly string[], credential: Secret): readonly string[] {
  const telling = namesThatTell(headers, credential);
  return telling === undefined ? headers : headers.filter((_, i) => !telling.has(headers[i & ~1] as string));
}

/** Undefined where there are none, as nearly always. */
function namesThatTell(headers: readonly string[], credential: Secret): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (hasSecret(headers[i + 1] as string, credential)) (names ??= new Set()).add(headers[i] as string);
  return names;
}

/** The upstream's headers that the client may see, those of `hidden` apart; name and value in turn. */
export function answerHeaders(headers: readonly string[], hidden: readonly string[]): string[] {
  const list: string[] = [];
  let ofConnection: readonly string[] = none;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name === 'connection') ofConnection = ofConnection.concat(optionsIn(headers[i + 1] as string));
    else if (isForClient(name, hidden)) list.push(name, headers[i + 1] as string);
  }
  return ofConnection.length === 0 ? list : withoutNames(list, ofConnection);
}

/** Whether the client may see headers of this name, as far as the name alone tells; `hidden` are not for it. */
export function isForClient(name: string, hidden: readonly string[]): boolean {
  return !deniedDown.has(name) && !hidden.includes(name) && !hasDeniedPrefix(name);
}

/** The headers that `connection` names are for this hop alone (RFC 9110, section 7.6.1), besides those that always are. */
function optionsIn(connection: string): readonly string[] {
  if (connection === 'keep-alive' || connection === 'close') return none;
  return connection.split(',').map((option) => option.trim().toLowerCase());
}

function withoutNames(list: readonly string[], names: readonly string[]): string[] {
  return list.filter((_, i) => !names.includes(list[i & ~1] as string));
}

function hasDeniedPrefix(name: string): boolean {
  // By index, as in other walks that every header of every answer takes: an iterator makes an object for each step.
  for (let i = 0; i < deniedDownPrefixes.length; i += 1)
    if (name.startsWith(deniedDownPrefixes[i] as string)) return true;
  return false;
}
