// Reads the head of an HTTP/1.1 answer, as strictly as RFC 9112 allows: what can be read in two ways is refused.
import { AnswerFormatError } from './format-error.ts';

/** A header's name in lower case → its value, or its values where it was sent more than once. */
export type AnswerHeaders = Readonly<Record<string, string | string[]>>;

/** How the length of a body is told (RFC 9112, section 6.3). */
export type BodyLength =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly count: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until_close' };

/** The head of one answer. */
export interface AnswerHead {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly length: BodyLength;
  /** The connection may be used again when the body has come. */
  readonly keepsAlive: boolean;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/u;
const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u;
/** Nothing that could end a line or a text early. */
// oxlint-disable-next-line no-control-regex
const badValue = /[\x00-\x08\x0a-\x1f\x7f]/u;
const decimal = /^\d{1,15}$/u;

const none: BodyLength = { kind: 'none' };
const chunked: BodyLength = { kind: 'chunked' };
const untilClose: BodyLength = { kind: 'until_close' };

/** Names as they come → in lower case: an upstream sends the same few again and again. */
export class NameCache {
  readonly #names = new Map<string, string>();

  /** Throws where it is no name of a field. */
  lower(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (!fieldName.test(name)) throw new AnswerFormatError('a header of the answer has no proper name');
    const lower = name.toLowerCase();
    if (this.#names.size < 512) this.#names.set(name, lower);
    return lower;
  }
}

/** Reads a head, without the empty line that ends it. Throws an `AnswerFormatError` where it is none. */
export function readHead(text: string, names: NameCache): AnswerHead {
  let end = text.indexOf('\r\n');
  const first = end === -1 ? text : text.slice(0, end);
  const [, minor, code] = statusLine.exec(first) ?? [];
  if (code === undefined) throw new AnswerFormatError('the answer is not HTTP');
  const headers: Record<string, string | string[]> = {};
  while (end !== -1) {
    const start = end + 2;
    end = text.indexOf('\r\n', start);
    readField(end === -1 ? text.slice(start) : text.slice(start, end), names, headers);
  }
  const status = Number(code);
  const isOld = minor === '0';
  const length = lengthOf(status, headers, isOld);
  return { status, headers, length, keepsAlive: length.kind !== 'until_close' && keepsAlive(headers, isOld) };
}

function readField(line: string, names: NameCache, headers: Record<string, string | string[]>): void {
  const colon = line.indexOf(':');
  if (colon < 1) throw new AnswerFormatError('a header of the answer has no name');
  const name = names.lower(line.slice(0, colon));
  const value = trimBlanks(line, colon + 1);
  if (badValue.test(value)) throw new AnswerFormatError('a header of the answer holds a control character');
  const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (before === undefined) headers[name] = value;
  else if (typeof before === 'string') headers[name] = [before, value];
  else before.push(value);
}

function trimBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start += 1;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function lengthOf(status: number, headers: AnswerHeaders, isOld: boolean): BodyLength {
  const coding = headers['transfer-encoding'];
  const count = headers['content-length'];
  if (status < 200 || status === 204 || status === 304) return none;
  if (coding !== undefined) {
    // Both at once is how answers are smuggled: two readers would see two different ends.
    if (count !== undefined) throw new AnswerFormatError('the answer tells its length in two ways');
    if (isOld || typeof coding !== 'string' || coding.toLowerCase() !== 'chunked')
      throw new AnswerFormatError('the answer has a transfer coding that is not understood');
    return chunked;
  }
  if (count === undefined) return untilClose;
  if (typeof count !== 'string' || !decimal.test(count))
    throw new AnswerFormatError('the answer has a length that is no number');
  return { kind: 'bytes', count: Number(count) };
}

function keepsAlive(headers: AnswerHeaders, isOld: boolean): boolean {
  const { connection } = headers;
  if (connection === undefined) return !isOld;
  const options = String(connection).toLowerCase();
  return isOld ? options === 'keep-alive' : !options.includes('close');
}
