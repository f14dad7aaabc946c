// Takes the bytes of a connection and tells the message in them: head, body read by read, end. Bodies are not copied.
import { latin1In } from '../bytes.ts';
import { MessageFormatError } from './format-error.ts';
import { endOfHead, endOfHeadBytes } from './line-feeds.ts';

/** How the length of a body is told (RFC 9112, section 6.3). */
export type BodyLength =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly count: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'until_close' };

/** What the parser needs to know of a head. */
export interface MessageHead {
  readonly length: BodyLength;
  /** Another head follows, that of the message proper. */
  readonly isInterim?: boolean;
}

/** What messages are read: answers of an upstream, or requests of a client. */
export interface MessageKind<Head extends MessageHead> {
  /** Largest head, and largest sum of trailers. */
  readonly longestHeadBytes: number;
  /** Whether a head may follow upon empty lines (RFC 9112, section 2.2). */
  readonly mayBeginEmpty: boolean;
  /** Reads a head: its lines, each with its end, without the empty one behind them. Throws a `MessageFormatError` where it is none. */
  readHead(text: string): Head;
  /** What cannot become a head any more is refused at once instead of waited for. */
  couldBegin(bytes: Buffer, at: number): boolean;
}

/** Longest line with the size of a chunk, extensions included. */
const longestSizeLine = 4096;
/** Sizes of more digits are read as text. */
const mostPlainDigits = 8;
/** Who sends more interim heads or empty lines than this never comes to the point. */
const mostInterim = 32;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const chunkSize = /^([0-9a-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/iu;

/** A trailer that is framing would be read by nobody here, and perhaps by somebody behind. */
const framingTrailer = /^(?:content-length|transfer-encoding)[\t ]*:/iu;

/** Who hears a message. */
export interface MessageEvents<Head> {
  /** Not called for interim heads. */
  onHead(head: Head): void;
  onBody(bytes: Buffer): void;
  /** The message is whole. */
  onDone(): void;
}

type Step = (parser: MessageParser<MessageHead>, bytes: Buffer, at: number) => number | undefined;

type Place = 'head' | 'bytes' | 'until_close' | 'chunk_size' | 'chunk' | 'chunk_end' | 'trailers' | 'done';

/** Reads one message after the other. Every method throws a `MessageFormatError` where the bytes are none. */
export class MessageParser<Head extends MessageHead> {
  /**
   * What reads one piece at each place: where the next begins, undefined where this one is not all there. One table for
   * all: two parsers for each of thousands of streams would hold 4 MB of them.
   */
  static readonly #steps: Readonly<Record<Place, Step>> = {
    head: (parser, bytes, at) => parser.#readHead(bytes, at),
    bytes: (parser, bytes, at) => parser.#readCounted(bytes, at),
    chunk: (parser, bytes, at) => parser.#readChunk(bytes, at),
    until_close: (parser, bytes, at) => parser.#readRest(bytes, at),
    chunk_size: (parser, bytes, at) => parser.#readSize(bytes, at),
    chunk_end: (parser, bytes, at) => parser.#readChunkEnd(bytes, at),
    trailers: (parser, bytes, at) => parser.#readTrailers(bytes, at),
    done: (_parser, _bytes, at) => at,
  };
  readonly #events: MessageEvents<Head>;
  readonly #kind: MessageKind<Head>;
  #place: Place = 'head';
  /** The beginning of a head, a size line or the trailers that has not all come yet. */
  #held: Buffer | undefined;
  #left = 0;
  #interim = 0;
  /** What has come of the body in chunks with the current read, moved together: from here… */
  #gatheredFrom = 0;
  /** …up to here. */
  #gatheredTo = 0;

  constructor(kind: MessageKind<Head>, events: MessageEvents<Head>) {
    this.#kind = kind;
    this.#events = events;
  }

  /** Nothing of the next message has come. */
  get isAtStart(): boolean {
    return this.#place === 'head' && this.#held === undefined && this.#interim === 0;
  }

  get isDone(): boolean {
    return this.#place === 'done';
  }

  /** Ready for the next message on the same connection. */
  reset(): void {
    this.#place = 'head';
    this.#interim = 0;
  }

  /**
   * Takes what has come; the number of bytes that belong to the message: fewer than given where it ends before them.
   * The message's own part of `chunk` belongs to the parser: it moves the pieces of a body in chunks together there, so
   * that whoever hears the body gets one piece of each read.
   */
  push(chunk: Buffer): number {
    let bytes = chunk;
    const held = this.#held?.length ?? 0;
    if (this.#held !== undefined) {
      bytes = Buffer.concat([this.#held, chunk]);
      this.#held = undefined;
    }
    let at = 0;
    try {
      while (at < bytes.length && this.#place !== 'done') {
        const next = MessageParser.#steps[this.#place](this, bytes, at);
        if (next === undefined) {
          this.#held = Buffer.from(bytes.subarray(at));
          return chunk.length;
        }
        at = next;
      }
      return at - held;
    } finally {
      // Also where what follows is malformed: what came before that is part of the message all the same.
      this.#handOn(bytes);
    }
  }

  /** The connection has been closed by the other side; false where that cuts the answer off. */
  close(): boolean {
    if (this.#place === 'until_close') this.#end();
    return this.#place === 'done';
  }

  #readHead(bytes: Buffer, at: number): number | undefined {
    const { longestHeadBytes, mayBeginEmpty } = this.#kind;
    if (mayBeginEmpty && bytes[at] === carriageReturn && bytes[at + 1] === lineFeed) return this.#countInterim(at + 2);
    const end = endOfHead(bytes, at);
    if ((end === -1 ? bytes.length : end) - at > longestHeadBytes)
      throw new MessageFormatError('has too many header bytes', true);
    if (end === -1) {
      if (!this.#kind.couldBegin(bytes, at)) throw new MessageFormatError('is not HTTP');
      return undefined;
    }
    const head = this.#kind.readHead(latin1In(bytes, at, end + 2));
    const next = end + endOfHeadBytes;
    if (head.isInterim === true) return this.#countInterim(next);
    const { length } = head;
    this.#left = length.kind === 'bytes' ? length.count : 0;
    this.#place = length.kind === 'chunked' ? 'chunk_size' : length.kind === 'until_close' ? 'until_close' : 'bytes';
    this.#events.onHead(head);
    if (this.#place === 'bytes' && this.#left === 0) this.#finish(bytes);
    return next;
  }

  #countInterim(next: number): number {
    this.#interim += 1;
    if (this.#interim > mostInterim) throw new MessageFormatError('does not come to the point');
    return next;
  }

  #readCounted(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    this.#events.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#left === 0) this.#finish(bytes);
    return end;
  }

  #readChunk(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#place = 'chunk_end';
    this.#gather(bytes, at, end);
    return end;
  }

  #gather(bytes: Buffer, at: number, end: number): void {
    if (this.#gatheredTo === 0) {
      this.#gatheredFrom = at;
      this.#gatheredTo = end;
    } else {
      bytes.copyWithin(this.#gatheredTo, at, end);
      this.#gatheredTo += end - at;
    }
  }

  /** Gathers chunks that are all there, their sizes plain digits, as nearly all are: where the first other one begins. */
  #gatherWhole(bytes: Buffer, at: number): number {
    let next = at;
    for (;;) {
      let i = next;
      let size = 0;
      for (let digit = hexDigit(bytes[i]); digit !== -1 && i - next < mostPlainDigits; digit = hexDigit(bytes[i])) {
        size = size * 16 + digit;
        i += 1;
      }
      const start = i + 2;
      const end = start + size;
      if (size === 0 || end + 2 > bytes.length || bytes[i] !== carriageReturn || bytes[i + 1] !== lineFeed) return next;
      if (bytes[end] !== carriageReturn || bytes[end + 1] !== lineFeed) return next;
      this.#gather(bytes, start, end);
      next = end + 2;
    }
  }

  /** Hands on what has been gathered; whoever hears it may end the exchange right there. */
  #handOn(bytes: Buffer): void {
    const from = this.#gatheredFrom;
    const to = this.#gatheredTo;
    if (to === 0) return;
    this.#gatheredTo = 0;
    this.#events.onBody(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
  }

  #readRest(bytes: Buffer, at: number): number {
    this.#events.onBody(at === 0 ? bytes : bytes.subarray(at));
    return bytes.length;
  }

  #readSize(bytes: Buffer, at: number): number | undefined {
    const next = this.#gatherWhole(bytes, at);
    if (next > at) return next;
    // Mostly digits and nothing else: as numbers they cost a tenth of what they cost as text.
    let i = at;
    let plain = 0;
    for (let digit = hexDigit(bytes[i]); digit !== -1 && i - at < mostPlainDigits; digit = hexDigit(bytes[i])) {
      plain = plain * 16 + digit;
      i += 1;
    }
    if (i > at && bytes[i] === carriageReturn && bytes[i + 1] === lineFeed) return this.#beginChunk(plain, i + 2);
    const end = bytes.indexOf(lineFeed, at);
    if ((end === -1 ? bytes.length : end) - at > longestSizeLine)
      throw new MessageFormatError('has a chunk without a proper size');
    if (end === -1) return undefined;
    const [, size] =
      bytes[end - 1] === carriageReturn ? (chunkSize.exec(bytes.toString('latin1', at, end - 1)) ?? []) : [];
    if (size === undefined) throw new MessageFormatError('has a chunk without a proper size');
    return this.#beginChunk(Number.parseInt(size, 16), end + 1);
  }

  #beginChunk(size: number, next: number): number {
    this.#left = size;
    this.#place = size === 0 ? 'trailers' : 'chunk';
    return next;
  }

  #readChunkEnd(bytes: Buffer, at: number): number | undefined {
    if (bytes[at] !== carriageReturn || (at + 1 < bytes.length && bytes[at + 1] !== lineFeed))
      throw new MessageFormatError('has a chunk that is not as long as it says');
    if (at + 1 === bytes.length) return undefined;
    this.#place = 'chunk_size';
    return at + 2;
  }

  /** Trailers are read and thrown away: nobody behind was told to expect any. */
  #readTrailers(bytes: Buffer, at: number): number | undefined {
    const { longestHeadBytes } = this.#kind;
    const end = bytes.indexOf(lineFeed, at);
    if ((end === -1 ? bytes.length : end) - at > longestHeadBytes)
      throw new MessageFormatError('has too many trailers');
    if (end === -1) return undefined;
    if (bytes[end - 1] !== carriageReturn || end === at)
      throw new MessageFormatError('has a trailer without a proper end');
    if (end - 1 === at) {
      this.#finish(bytes);
      return end + 1;
    }
    if (framingTrailer.test(bytes.toString('latin1', at, end - 1)))
      throw new MessageFormatError('tells its length again behind its end');
    this.#left += end - at;
    if (this.#left > longestHeadBytes) throw new MessageFormatError('has too many trailers');
    return end + 1;
  }

  #finish(bytes: Buffer): void {
    this.#handOn(bytes);
    this.#end();
  }

  #end(): void {
    this.#place = 'done';
    this.#events.onDone();
  }
}

/** What a hexadecimal digit counts; -1 for anything else. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
