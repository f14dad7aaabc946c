// Reads the head of a client's request.
import { fieldOf } from '../lib/http1/field-list.ts';
import type { FieldReader } from '../lib/http1/fields.ts';
import { MessageFormatError } from '../lib/http1/format-error.ts';
import { hasBareLineFeed } from '../lib/http1/line-feeds.ts';
import type { BodyLength, MessageHead, MessageKind } from '../lib/http1/message-parser.ts';
import { remembering } from '../lib/remembering.ts';
import { refusalOf, type Refusal } from './strictness.ts';

/** Largest head. Node.js takes as much. */
const longestHeadBytes = 16 << 10;

/** What a client asks for. */
export interface RequestHead extends MessageHead {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  /** Name in lower case and value in turn. */
  readonly fields: readonly string[];
  /** HTTP/1.0: such a client knows no chunks. */
  readonly isOld: boolean;
  /** The client may send another request behind this one. */
  readonly keepsAlive: boolean;
  /** Why it is not served, undefined where it is. */
  readonly refusal: Refusal | undefined;
}

// Blanks between method and target are counted by nobody.
const requestLine = /^([A-Z][A-Z-]{0,31}) +([\x21-\x7e\x80-\xff]+) HTTP\/(\d\.\d)$/u;
/** What may still become a request line. */
const beginning = /^(?:\r?|[A-Z][A-Z-]{0,31}(?: [^]*)?)$/u;
const decimal = /^\d{1,15}$/u;
const none: BodyLength = { kind: 'none' };
const chunked: BodyLength = { kind: 'chunked' };

/** Requests as a parser reads them. */
export function requestsWith(reader: FieldReader): MessageKind<RequestHead> {
  return {
    longestHeadBytes,
    mayBeginEmpty: true,
    readHead: (text) => readRequestHead(text, reader),
    couldBegin: (bytes, at) => beginning.test(bytes.toString('latin1', at, at + 40)) && !hasBareLineFeed(bytes, at),
  };
}

/** Reads a head, without the empty line that ends it. Throws a `MessageFormatError` where it is none. */
export function readRequestHead(text: string, reader: FieldReader): RequestHead {
  const end = text.indexOf('\r\n');
  const { method, target, version } = readRequestLine(end === -1 ? text : text.slice(0, end));
  const fields = reader.read(text, end);
  const refusal = refusalOf({ version, target, fields });
  const isOld = version === '1.0';
  const length = refusal === undefined ? lengthOf(fields) : none;
  return { method, target, fields, isOld, refusal, length, keepsAlive: keepsAlive(fields, isOld) };
}

const readRequestLine = remembering((line) => {
  const [, method, target, version] = requestLine.exec(line) ?? [];
  if (method === undefined || target === undefined || version === undefined)
    throw new MessageFormatError('is not valid HTTP/1.1');
  return { method, target, version };
});

/** Where `refusalOf` had nothing to say each of the two is there once at most, and the one coding is chunked. */
function lengthOf(fields: readonly string[]): BodyLength {
  const count = fieldOf(fields, 'content-length');
  if (fieldOf(fields, 'transfer-encoding') !== undefined) {
    // Both at once is how requests are smuggled: two readers would see two different ends.
    if (count !== undefined) throw new MessageFormatError('tells its length in two ways');
    return chunked;
  }
  if (count === undefined) return none;
  if (!decimal.test(count)) throw new MessageFormatError('has a content-length that is no number');
  return { kind: 'bytes', count: Number(count) };
}

function keepsAlive(fields: readonly string[], isOld: boolean): boolean {
  // A request for another protocol is answered in this one, and what comes behind it may be in that other.
  if (fieldOf(fields, 'upgrade') !== undefined) return false;
  const connection = fieldOf(fields, 'connection');
  if (connection === undefined) return !isOld;
  const options = connection.toLowerCase();
  return isOld ? options === 'keep-alive' : !options.includes('close');
}
