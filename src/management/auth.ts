// Who may use the management API: the holder of the admin token or, where none is set, whoever sits at this machine.
import type { Context, MiddlewareHandler } from 'hono';
import { clientKeyPrefix } from '../core/client-key-text.ts';
import { GatewayError } from '../core/errors.ts';
import { judgeLocalCaller, type Caller as LocalCaller } from '../core/local-caller.ts';
import type { Secret } from '../core/secret.ts';
import type { Env, ManagementParts } from './parts.ts';

/** What a request tells of its sender, and what it brings along to prove it. */
export interface Caller extends LocalCaller {
  readonly authorization: string | undefined;
}

/** Undefined where the caller may go on, else the error to answer with. */
export function judgeCaller(caller: Caller, adminToken: Secret | undefined): GatewayError | undefined {
  const [, token] = /^bearer +(\S+)\s*$/iu.exec(caller.authorization ?? '') ?? [];
  if (token?.startsWith(clientKeyPrefix) === true) {
    return new GatewayError(
      'forbidden',
      adminToken === undefined
        ? 'A client key is not for the management API: leave it out.'
        : 'A client key is not for the management API: send the admin token.',
    );
  }
  if (adminToken === undefined) return judgeLocalCaller(caller, 'the management API', 'AIGATEWAY_ADMIN_TOKEN');
  if (token !== undefined && adminToken.isText(token)) return undefined;
  return new GatewayError(
    'invalid_client_key',
    token === undefined
      ? 'The management API needs the admin token: send `Authorization: Bearer …` with the value of AIGATEWAY_ADMIN_TOKEN.'
      : 'The admin token is not the one of AIGATEWAY_ADMIN_TOKEN.',
    { headers: ['www-authenticate', 'Bearer'] },
  );
}

function callerOf(context: Context<Env>): Caller {
  const header = (name: string): string | undefined => context.req.header(name);
  return {
    peer: context.env.call.peerAddress,
    host: context.env.call.header('host'),
    origin: header('origin'),
    fetchSite: header('sec-fetch-site'),
    authorization: header('authorization'),
  };
}

/** What the door needs to know. */
type DoorParts = Pick<ManagementParts, 'failedKeys' | 'clock'> & {
  readonly settings: { readonly ADMIN_TOKEN: Secret | undefined };
};

/** The refusal, or another one where wrong tokens came too often. The right token is let in all the same. */
function countFailure(refusal: GatewayError, caller: Caller, { failedKeys, clock }: DoorParts): GatewayError {
  if (refusal.code !== 'invalid_client_key' || caller.authorization === undefined) return refusal;
  const waitMs = failedKeys.count(caller.peer ?? '', clock.nowMs());
  if (waitMs === 0) return refusal;
  return new GatewayError('rate_limit_exceeded', 'Too many requests from this address had a wrong admin token.', {
    retryAfterMs: waitMs,
    shouldRetry: false,
  });
}

/** Lets nobody pass who may not. `openPaths` hold no data and ask for the token themselves. */
export function authorize(parts: DoorParts, openPaths: ReadonlySet<string>): MiddlewareHandler<Env> {
  const { ADMIN_TOKEN: adminToken } = parts.settings;
  return async (context, next) => {
    const isOpen = adminToken !== undefined && openPaths.has(context.req.path);
    const caller = callerOf(context);
    const refusal = isOpen ? undefined : judgeCaller(caller, adminToken);
    if (refusal !== undefined) throw countFailure(refusal, caller, parts);
    await next();
  };
}
