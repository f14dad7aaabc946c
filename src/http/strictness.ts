// What Node's parser lets pass and two servers could read in two ways: such a request is refused before anything looks at it.
import type { IncomingMessage } from 'node:http';

/** A request that is refused: the status line's end, and the sentence for whoever sent it. */
export interface Refusal {
  readonly status: 400 | 417 | 431;
  readonly message: string;
}

/** So many header lines are more than any client sends. Node limits their bytes to 16 KiB together. */
const mostHeaders = 200;

/** Headers that decide something, so that two of them could be read in two ways. */
const singletons: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'content-length',
  'content-type',
  'transfer-encoding',
  'expect',
  'origin',
  'sec-fetch-site',
  'x-aigateway-timeout-ms',
  'x-aigateway-stream',
]);
const lengths: ReadonlySet<number> = new Set([...singletons].map((name) => name.length));

/** The characters that a host with a port may have (RFC 3986, section 3.2.2), without user information. */
const hostForm = /^[\w.~!$&'()*+,;=%:[\]-]+$/u;

/** What some servers read as another path: dot segments, encoded or not, backslashes, fragments. Not in the query. */
const otherWords = /^[^?]*(?:[\\#]|\/(?:\.|%2e){1,2}(?:[/?]|$))/iu;

type Head = Pick<IncomingMessage, 'httpVersion' | 'url' | 'rawHeaders' | 'headers'>;

function refusal(message: string, status: Refusal['status'] = 400): Refusal {
  return { status, message };
}

/** Why a request is refused by its head alone; undefined where it can be read in one way only. */
export function refusalOf({ httpVersion, url = '', rawHeaders, headers }: Head): Refusal | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return refusal('The gateway speaks HTTP/1.1.');
  // No absolute form: it would name a second host, and not a proxy is asked here.
  if (!url.startsWith('/')) return refusal('The target of the request must be a path.');
  if (otherWords.test(url))
    return refusal('The path of the request must be plain: without "\\", "#", "." and ".." in it.');
  if (rawHeaders.length > 2 * mostHeaders) return refusal(`The request has more than ${mostHeaders} headers.`, 431);
  const twice = repeatedHeader(rawHeaders);
  if (twice !== undefined) return refusal(`The header ${twice} must be sent once.`);
  const { host, 'transfer-encoding': coding } = headers;
  if (host === undefined ? httpVersion === '1.1' : !hostForm.test(host)) {
    return refusal('The header host must name the host that the request is for.');
  }
  if (coding === undefined) return undefined;
  if (httpVersion === '1.0') return refusal('The header transfer-encoding is not for HTTP/1.0.');
  return coding.toLowerCase() === 'chunked' ? undefined : refusal('The only transfer-encoding is chunked.');
}

/** The first header that decides something and is there twice. */
function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  let seen: string[] | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] as string;
    if (!lengths.has(raw.length)) continue;
    const name = raw.toLowerCase();
    if (!singletons.has(name)) continue;
    if (seen === undefined) seen = [name];
    else if (seen.includes(name)) return name;
    else seen.push(name);
  }
  return undefined;
}
