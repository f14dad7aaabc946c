// What is HTTP and yet could be read in two ways by two servers: such a request is refused before anything looks at it.
import { fieldOf } from '../lib/http1/field-list.ts';
import { remembering } from '../lib/remembering.ts';

/** A request that is refused: the status line's end, and the sentence for whoever sent it. */
export interface Refusal {
  readonly status: 400 | 417 | 431;
  readonly message: string;
}

/** So many header lines are more than any client sends. */
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
/** The characters that a host with a port may have (RFC 3986, section 3.2.2), without user information. */
const hostForm = /^[\w.~!$&'()*+,;=%:[\]-]+$/u;
const isHost = remembering((host) => hostForm.test(host));

/** What some servers read as another path: dot segments, encoded or not, backslashes, fragments. Not in the query. */
const otherWords = /^[^?]*(?:[\\#]|\/(?:\.|%2e){1,2}(?:[/?]|$))/iu;
const hasOtherWords = remembering((target) => otherWords.test(target));

/** The parts of a head that are looked at. */
interface Head {
  /** `1.1`. */
  readonly version: string;
  readonly target: string;
  /** Name in lower case and value in turn. */
  readonly fields: readonly string[];
}

function refusal(message: string, status: Refusal['status'] = 400): Refusal {
  return { status, message };
}

/** Whether a name stands before the given place; there are so few of those that decide that a table of them costs more. */
function isBefore(fields: readonly string[], name: string, place: number): boolean {
  for (let i = 0; i < place; i += 2) if (fields[i] === name) return true;
  return false;
}

/** Why a request is refused by its head alone; undefined where it can be read in one way only. */
export function refusalOf({ version, target, fields }: Head): Refusal | undefined {
  if (version !== '1.1' && version !== '1.0') return refusal('The gateway speaks HTTP/1.1.');
  // No absolute form: it would name a second host, and not a proxy is asked here.
  if (!target.startsWith('/')) return refusal('The target of the request must be a path.');
  if (hasOtherWords(target))
    return refusal('The path of the request must be plain: without "\\", "#", "." and ".." in it.');
  if (fields.length > 2 * mostHeaders) return refusal(`The request has more than ${mostHeaders} headers.`, 431);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (singletons.has(name) && isBefore(fields, name, i)) return refusal(`The header ${name} must be sent once.`);
  }
  const host = fieldOf(fields, 'host');
  if (host === undefined ? version === '1.1' : !isHost(host))
    return refusal('The header host must name the host that the request is for.');
  const coding = fieldOf(fields, 'transfer-encoding');
  if (coding !== undefined && version === '1.0') return refusal('The header transfer-encoding is not for HTTP/1.0.');
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return refusal('The only transfer-encoding is chunked.');
  const expectation = fieldOf(fields, 'expect');
  if (expectation !== undefined && expectation.toLowerCase() !== '100-continue')
    return refusal('The only expectation that can be met is 100-continue.', 417);
  return undefined;
}
