// Reads the head of an HTTP/1.1 answer, as strictly as RFC 9112 allows: what can be read in two ways is refused.
import type { FieldReader } from '../../lib/http1/fields.ts';
import { MessageFormatError } from '../../lib/http1/format-error.ts';
import type { BodyLength, MessageHead, MessageKind } from '../../lib/http1/message-parser.ts';

/** A header's name in lower case → its value, or its values where it was sent more than once. */
export type AnswerHeaders = Readonly<Record<string, string | string[]>>;

/** The head of one answer. */
export interface AnswerHead extends MessageHead {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly length: BodyLength;
  /** The connection may be used again when the body has come. */
  readonly keepsAlive: boolean;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/u;
const decimal = /^\d{1,15}$/u;

const beginning = Buffer.from('HTTP/1.');
const none: BodyLength = { kind: 'none' };
const chunked: BodyLength = { kind: 'chunked' };
const untilClose: BodyLength = { kind: 'until_close' };

/** Answers as a parser reads them. */
export function answersWith(reader: FieldReader): MessageKind<AnswerHead> {
  return {
    longestHeadBytes: 64 << 10,
    mayBeginEmpty: false,
    readHead: (text) => readHead(text, reader),
    couldBegin(bytes, at) {
      const count = Math.min(beginning.length, bytes.length - at);
      return bytes.compare(beginning, 0, count, at, at + count) === 0;
    },
  };
}

/** Reads a head, without the empty line that ends it. Throws a `MessageFormatError` where it is none. */
export function readHead(text: string, reader: FieldReader): AnswerHead {
  const end = text.indexOf('\r\n');
  const [, minor, code] = statusLine.exec(end === -1 ? text : text.slice(0, end)) ?? [];
  if (code === undefined) throw new MessageFormatError('is not HTTP');
  const status = Number(code);
  const headers: Record<string, string | string[]> = {};
  const fields = reader.read(text, end);
  for (let i = 0; i < fields.length; i += 2) add(headers, fields[i] as string, fields[i + 1] as string);
  if (status === 101) throw new MessageFormatError('has a status 101 that nobody asked for');
  if (status < 200) return { status, headers, length: none, keepsAlive: true, isInterim: true };
  const isOld = minor === '0';
  const length = lengthOf(status, headers, isOld);
  return { status, headers, length, keepsAlive: length.kind !== 'until_close' && keepsAlive(headers, isOld) };
}

function add(headers: Record<string, string | string[]>, name: string, value: string): void {
  const before = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (before === undefined) headers[name] = value;
  else if (typeof before === 'string') headers[name] = [before, value];
  else before.push(value);
}

function lengthOf(status: number, headers: AnswerHeaders, isOld: boolean): BodyLength {
  const coding = headers['transfer-encoding'];
  const count = headers['content-length'];
  if (status === 204 || status === 304) return none;
  if (coding !== undefined) {
    // Both at once is how answers are smuggled: two readers would see two different ends.
    if (count !== undefined) throw new MessageFormatError('tells its length in two ways');
    if (isOld || typeof coding !== 'string' || coding.toLowerCase() !== 'chunked')
      throw new MessageFormatError('has a transfer coding that is not understood');
    return chunked;
  }
  if (count === undefined) return untilClose;
  if (typeof count !== 'string' || !decimal.test(count)) throw new MessageFormatError('has a length that is no number');
  return { kind: 'bytes', count: Number(count) };
}

function keepsAlive(headers: AnswerHeaders, isOld: boolean): boolean {
  const { connection } = headers;
  if (connection === undefined) return !isOld;
  const options = String(connection).toLowerCase();
  return isOld ? options === 'keep-alive' : !options.includes('close');
}
