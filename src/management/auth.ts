// Who may use the management API: the holder of the admin token or, where none is set, whoever sits at this machine.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { GatewayError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Env } from './parts.ts';

/** What a request tells of its sender. Headers are undefined where absent. */
export interface Caller {
  /** The address at the other end of the socket; no header can change it. */
  readonly peer: string | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`: how a browser says where the request comes from. */
  readonly fetchSite: string | undefined;
  readonly authorization: string | undefined;
}

/** What client keys begin with. */
const clientKeyPrefix = 'agw_';

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
  if (adminToken === undefined) return judgeLocalCaller(caller);
  if (token !== undefined && isEqual(token, adminToken.reveal())) return undefined;
  return new GatewayError(
    'invalid_client_key',
    token === undefined
      ? 'The management API needs the admin token: send `Authorization: Bearer …` with the value of AIGATEWAY_ADMIN_TOKEN.'
      : 'The admin token is not the one of AIGATEWAY_ADMIN_TOKEN.',
    { headers: ['www-authenticate', 'Bearer'] },
  );
}

/** Without a token the only proof is to sit at this machine, and not to be a page from elsewhere in its browser. */
function judgeLocalCaller(caller: Caller): GatewayError | undefined {
  if (!isLoopbackAddress(caller.peer)) {
    return new GatewayError(
      'forbidden',
      'Without AIGATEWAY_ADMIN_TOKEN the management API answers to this machine only.',
    );
  }
  if (!isLoopbackHost(caller.host)) {
    return new GatewayError(
      'forbidden',
      'Without AIGATEWAY_ADMIN_TOKEN the management API answers at localhost, 127.0.0.1 and [::1] only.',
    );
  }
  const isForeignPage =
    (caller.origin !== undefined && !isSameOrigin(caller.origin, caller.host)) ||
    /^(?:cross-site|same-site)$/iu.test(caller.fetchSite ?? '');
  if (!isForeignPage) return undefined;
  return new GatewayError('forbidden', 'The management API does not answer to pages of other sites.');
}

function isEqual(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/u.test(address);
}

function isLoopbackHost(host: string | undefined): host is string {
  return host !== undefined && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/iu.test(host);
}

/** Whether `origin` is the very scheme, host and port that the request went to; the scheme may be that of a proxy before us. */
function isSameOrigin(origin: string, host: string): boolean {
  const from = URL.parse(origin);
  if (from === null || !/^https?:$/u.test(from.protocol) || from.origin !== origin.toLowerCase()) return false;
  return URL.parse(`${from.protocol}//${host}`)?.host === from.host;
}

function callerOf(context: Context<Env>): Caller {
  const header = (name: string): string | undefined => context.req.header(name);
  return {
    peer: context.env.incoming.socket.remoteAddress,
    host: context.env.incoming.headers.host,
    origin: header('origin'),
    fetchSite: header('sec-fetch-site'),
    authorization: header('authorization'),
  };
}

/** Lets nobody pass who may not. `openPaths` hold no data and ask for the token themselves. */
export function authorize(adminToken: Secret | undefined, openPaths: ReadonlySet<string>): MiddlewareHandler<Env> {
  return async (context, next) => {
    const isOpen = adminToken !== undefined && openPaths.has(context.req.path);
    const refusal = isOpen ? undefined : judgeCaller(callerOf(context), adminToken);
    if (refusal !== undefined) throw refusal;
    await next();
  };
}
