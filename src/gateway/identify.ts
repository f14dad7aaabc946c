// Identify: who asks. While no client key exists only the own machine may; from the first one on everybody needs one.
import { isKeyText } from '../core/client-key-text.ts';
import { isUsable, type ClientKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import { matchesModel } from '../core/model-pattern.ts';
import type { GatewayParts, GatewaySettings } from './work.ts';

/** What it takes to tell who asks. */
export type IdentifyParts = Pick<GatewayParts, 'clientKeys' | 'refuseStranger' | 'failedKeys' | 'clock'> & {
  readonly settings: Pick<GatewaySettings, 'ADMIN_TOKEN'>;
};

const bearer = /^bearer +(\S+) *$/iu;
const usualBearer = 'Bearer ';
const headers = ['www-authenticate', 'Bearer'];

/** Lets a request in or throws; the answer is its client key, null while none is needed. */
export function identify(exchange: Exchange, parts: IdentifyParts): ClientKey | null {
  const { clientKeys, clock } = parts;
  if (clientKeys.isEmpty) {
    const refusal = parts.refuseStranger(exchange);
    if (refusal === undefined) return null;
    if (!isAdminToken(keyOf(exchange.headers), parts)) throw refusal;
    throw new GatewayError(
      'forbidden',
      'The admin token is for the management API: send a client key. There is none yet; create one with POST /api/v1/keys.',
    );
  }
  const text = keyOf(exchange.headers);
  const known = text === undefined ? undefined : clientKeys.find(text);
  if (known !== undefined && isUsable(known, clock.nowMs())) return known.key;
  if (text === undefined) {
    throw new GatewayError(
      'invalid_client_key',
      'No client key was sent: send `Authorization: Bearer …` with a key of this gateway.',
      { headers },
    );
  }
  if (known === undefined && isKeyText(text) && !clientKeys.isFresh()) {
    throw new GatewayError(
      'storage_unavailable',
      'The database cannot be reached, and the client key is not among those known without it; try again.',
      { retryAfterMs: 1000 },
    );
  }
  if (known === undefined && isAdminToken(text, parts)) {
    throw new GatewayError('forbidden', 'The admin token is for the management API: send a client key.');
  }
  throw refusalOf(exchange, parts, known === undefined);
}

function isAdminToken(text: string | undefined, { settings }: IdentifyParts): boolean {
  return text !== undefined && settings.ADMIN_TOKEN?.isText(text) === true;
}

/** The same words for every key that opens nothing: which of them was once good is nobody's business. */
function refusalOf({ peerAddress }: Exchange, { failedKeys, clock }: IdentifyParts, isGuess: boolean): GatewayError {
  // Whoever holds a key that was once good guesses nothing, and is to hear what is the matter.
  const waitMs = isGuess ? failedKeys.count(peerAddress ?? '', clock.nowMs()) : 0;
  if (waitMs === 0) {
    return new GatewayError('invalid_client_key', 'The client key is not valid: it is unknown, revoked or expired.', {
      headers,
    });
  }
  return new GatewayError(
    'rate_limit_exceeded',
    'Too many requests from this address had a client key that is not valid.',
    {
      retryAfterMs: waitMs,
      shouldRetry: false,
    },
  );
}

/** The key that a request brings along; undefined where there is none, empty where it is not told clearly. */
function keyOf(list: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] as string;
    if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue;
    // Whoever stands before us might have looked at the other one.
    if (found !== undefined) return '';
    found = tokenIn(list[i + 1] as string);
  }
  return found;
}

/** What stands behind `Bearer`; empty where it is not told so. */
function tokenIn(value: string): string {
  // As nearly everybody writes it.
  if (value.startsWith(usualBearer) && !value.includes(' ', usualBearer.length)) return value.slice(usualBearer.length);
  return bearer.exec(value)?.[1] ?? '';
}

/** Throws where the key may not ask for the model. */
export function checkModel(key: ClientKey | null, model: string): void {
  if (mayUse(key, model)) return;
  throw new GatewayError(
    'model_not_allowed',
    `The client key "${key?.name}" may not use the model "${model}"; use another one, or have the key changed.`,
    { param: 'model' },
  );
}

/** Whether the key may ask for the model; without a key every model may be asked for. */
export function mayUse(key: ClientKey | null, model: string): boolean {
  if (key === null || key.models.length === 0) return true;
  return key.models.some((pattern) => matchesModel(pattern, model));
}
