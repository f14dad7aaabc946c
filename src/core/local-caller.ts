// Trust without a token: whoever sits at this machine, and no page from elsewhere in its browser.
import { GatewayError } from './errors.ts';

/** What a request tells of its sender. Headers are undefined where absent. */
export interface Caller {
  /** The address at the other end of the socket; no header can change it. */
  readonly peer: string | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`: how a browser says where the request comes from. */
  readonly fetchSite: string | undefined;
}

/** Undefined where the caller sits at this machine, else the error to answer with. `who` and `setting` name what is closed to them, and what would open it. */
export function judgeLocalCaller(caller: Caller, who: string, setting: string): GatewayError | undefined {
  if (!isLoopbackAddress(caller.peer))
    return new GatewayError('forbidden', `Without ${setting} ${who} answers to this machine only.`);
  if (!isLoopbackHost(caller.host)) {
    return new GatewayError('forbidden', `Without ${setting} ${who} answers at localhost, 127.0.0.1 and [::1] only.`);
  }
  const isForeignPage =
    (caller.origin !== undefined && !isSameOrigin(caller.origin, caller.host ?? '')) ||
    /^(?:cross-site|same-site)$/iu.test(caller.fetchSite ?? '');
  return isForeignPage
    ? new GatewayError('forbidden', `Without ${setting} ${who} does not answer to pages of other sites.`)
    : undefined;
}

/** Whether an IP address is this machine's own. */
export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/u.test(address);
}

/** Whether the name or address in a `Host` header, or in the HOST setting, is this machine's own. */
export function isLoopbackHost(host: string | undefined): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|::1)(?::\d{1,5})?$/iu.test(host ?? '');
}

/** Whether `origin` is the very scheme, host and port that the request went to; the scheme may be that of a proxy before us. */
function isSameOrigin(origin: string, host: string): boolean {
  const from = URL.parse(origin);
  if (from === null || !/^https?:$/u.test(from.protocol) || from.origin !== origin.toLowerCase()) return false;
  return URL.parse(`${from.protocol}//${host}`)?.host === from.host;
}
