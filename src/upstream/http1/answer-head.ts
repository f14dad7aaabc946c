// Reads the head of an HTTP/1.1 answer, as strictly as RFC 9112 allows: what can be read in two ways is refused.
import { onlyFieldOf } from '../../lib/http1/field-list.ts';
import type { FieldReader } from '../../lib/http1/fields.ts';
import { MessageFormatError } from '../../lib/http1/format-error.ts';
import { hasBareLineFeed } from '../../lib/http1/line-feeds.ts';
import { remembering } from '../../lib/remembering.ts';
import type { BodyLength, MessageHead, MessageKind } from '../../lib/http1/message-parser.ts';

/** The head of one answer. */
export interface AnswerHead extends MessageHead {
  readonly status: number;
  /** Name in lower case and value in turn. */
  readonly headers: readonly string[];
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
      return bytes.compare(beginning, 0, count, at, at + count) === 0 && !hasBareLineFeed(bytes, at);
    },
  };
}

/** Reads a head, without the empty line that ends it. Throws a `MessageFormatError` where it is none. */
export function readHead(text: string, reader: FieldReader): AnswerHead {
  const end = text.indexOf('\r\n');
  const { status, isOld } = readStatusLine(end === -1 ? text : text.slice(0, end));
  const headers = reader.read(text, end);
  if (status === 101) throw new MessageFormatError('has a status 101 that nobody asked for');
  if (status < 200) return { status, headers, length: none, keepsAlive: true, isInterim: true };
  const length = lengthOf(status, headers, isOld);
  return { status, headers, length, keepsAlive: length.kind !== 'until_close' && keepsAlive(headers, isOld) };
}

const readStatusLine = remembering((line) => {
  const [, minor, code] = statusLine.exec(line) ?? [];
  if (code === undefined) throw new MessageFormatError('is not HTTP');
  return { status: Number(code), isOld: minor === '0' };
});

function lengthOf(status: number, headers: readonly string[], isOld: boolean): BodyLength {
  const coding = onlyFieldOf(headers, 'transfer-encoding');
  const count = onlyFieldOf(headers, 'content-length');
  if (status === 204 || status === 304) return none;
  if (coding !== undefined) {
    // Both at once is how answers are smuggled: two readers would see two different ends.
    if (count !== undefined) throw new MessageFormatError('tells its length in two ways');
    if (isOld || coding === null || coding.toLowerCase() !== 'chunked')
      throw new MessageFormatError('has a transfer coding that is not understood');
    return chunked;
  }
  if (count === undefined) return untilClose;
  if (count === null || !decimal.test(count)) throw new MessageFormatError('has a length that is no number');
  return { kind: 'bytes', count: Number(count) };
}

function keepsAlive(headers: readonly string[], isOld: boolean): boolean {
  const connection = onlyFieldOf(headers, 'connection');
  if (connection === undefined) return !isOld;
  // Who says it twice may mean either.
  if (connection === null) return false;
  const options = connection.toLowerCase();
  return isOld ? options === 'keep-alive' : !options.includes('close');
}
