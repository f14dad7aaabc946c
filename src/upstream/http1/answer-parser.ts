// Takes the bytes of a connection and tells the answer in them: head, body piece by piece, end. Bodies are not copied.
import { NameCache, readHead, type AnswerHead } from './answer-head.ts';
import { AnswerFormatError } from './format-error.ts';

/** Largest head, and largest sum of trailers. */
const longestHeadBytes = 64 << 10;
/** Longest line with the size of a chunk, extensions included. */
const longestSizeLine = 4096;
/** Sizes of more digits are read as text. */
const mostPlainDigits = 8;
/** A server that sends more interim answers than this never comes to the point. */
const mostInterim = 32;

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const endOfHead = Buffer.from('\r\n\r\n');
const chunkSize = /^([0-9a-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/iu;

/** Who hears an answer. */
export interface AnswerEvents {
  /** Not called for interim answers (1xx). */
  onHead(head: AnswerHead): void;
  onBody(bytes: Uint8Array): void;
  /** The answer is whole. */
  onDone(): void;
}

type Place = 'head' | 'bytes' | 'until_close' | 'chunk_size' | 'chunk' | 'chunk_end' | 'trailers' | 'done';

/** Reads one answer after the other. Every method throws an `AnswerFormatError` where the bytes are no answer. */
export class AnswerParser {
  readonly #events: AnswerEvents;
  readonly #names: NameCache;
  /** What reads one piece at each place: where the next begins, undefined where this one is not all there. */
  readonly #steps: Readonly<Record<Place, (bytes: Buffer, at: number) => number | undefined>> = {
    head: (bytes, at) => this.#readHead(bytes, at),
    bytes: (bytes, at) => this.#readCounted(bytes, at),
    chunk: (bytes, at) => this.#readCounted(bytes, at),
    until_close: (bytes, at) => this.#readRest(bytes, at),
    chunk_size: (bytes, at) => this.#readSize(bytes, at),
    chunk_end: (bytes, at) => this.#readChunkEnd(bytes, at),
    trailers: (bytes, at) => this.#readTrailers(bytes, at),
    done: (_bytes, at) => at,
  };
  #place: Place = 'head';
  /** The beginning of a head, a size line or the trailers that has not all come yet. */
  #held: Buffer | undefined;
  #left = 0;
  #interim = 0;

  constructor(events: AnswerEvents, names = new NameCache()) {
    this.#events = events;
    this.#names = names;
  }

  /** Nothing of the next answer has come. */
  get isAtStart(): boolean {
    return this.#place === 'head' && this.#held === undefined && this.#interim === 0;
  }

  get isDone(): boolean {
    return this.#place === 'done';
  }

  /** Ready for the next answer on the same connection. */
  reset(): void {
    this.#place = 'head';
    this.#interim = 0;
  }

  /** Takes what has come; the number of bytes that belong to the answer: fewer than given where it ends before them. */
  push(chunk: Buffer): number {
    let bytes = chunk;
    const held = this.#held?.length ?? 0;
    if (this.#held !== undefined) {
      bytes = Buffer.concat([this.#held, chunk]);
      this.#held = undefined;
    }
    let at = 0;
    while (at < bytes.length && this.#place !== 'done') {
      const next = this.#steps[this.#place](bytes, at);
      if (next === undefined) {
        this.#held = Buffer.from(bytes.subarray(at));
        return chunk.length;
      }
      at = next;
    }
    return at - held;
  }

  /** The connection has been closed by the other side; false where that cuts the answer off. */
  close(): boolean {
    if (this.#place === 'until_close') this.#finish();
    return this.#place === 'done';
  }

  #readHead(bytes: Buffer, at: number): number | undefined {
    const end = bytes.indexOf(endOfHead, at);
    if (end === -1 ? bytes.length - at > longestHeadBytes : end - at > longestHeadBytes)
      throw new AnswerFormatError('the answer has too many header bytes');
    if (end === -1) {
      if (!couldBeHttp(bytes, at)) throw new AnswerFormatError('the answer is not HTTP');
      return undefined;
    }
    const head = readHead(bytes.toString('latin1', at, end), this.#names);
    const next = end + endOfHead.length;
    if (head.status < 200) {
      this.#interim += 1;
      if (head.status === 101 || this.#interim > mostInterim)
        throw new AnswerFormatError(`the answer has a status ${head.status} that nobody asked for`);
      return next;
    }
    const { length } = head;
    this.#left = length.kind === 'bytes' ? length.count : 0;
    this.#place = length.kind === 'chunked' ? 'chunk_size' : length.kind === 'until_close' ? 'until_close' : 'bytes';
    this.#events.onHead(head);
    if (this.#place === 'bytes' && this.#left === 0) this.#finish();
    return next;
  }

  #readCounted(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    const place = this.#place;
    // Said before the last piece is handed on: whoever hears it may end the exchange right there.
    if (this.#left === 0 && place === 'chunk') this.#place = 'chunk_end';
    this.#events.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#left === 0 && place === 'bytes') this.#finish();
    return end;
  }

  #readRest(bytes: Buffer, at: number): number {
    this.#events.onBody(at === 0 ? bytes : bytes.subarray(at));
    return bytes.length;
  }

  #readSize(bytes: Buffer, at: number): number | undefined {
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
      throw new AnswerFormatError('a chunk of the answer has no proper size');
    if (end === -1) return undefined;
    const [, size] =
      bytes[end - 1] === carriageReturn ? (chunkSize.exec(bytes.toString('latin1', at, end - 1)) ?? []) : [];
    if (size === undefined) throw new AnswerFormatError('a chunk of the answer has no proper size');
    return this.#beginChunk(Number.parseInt(size, 16), end + 1);
  }

  #beginChunk(size: number, next: number): number {
    this.#left = size;
    this.#place = size === 0 ? 'trailers' : 'chunk';
    return next;
  }

  #readChunkEnd(bytes: Buffer, at: number): number | undefined {
    if (bytes[at] !== carriageReturn || (at + 1 < bytes.length && bytes[at + 1] !== lineFeed))
      throw new AnswerFormatError('a chunk of the answer is not as long as it says');
    if (at + 1 === bytes.length) return undefined;
    this.#place = 'chunk_size';
    return at + 2;
  }

  /** Trailers are read and thrown away: nobody downstream was told to expect any. */
  #readTrailers(bytes: Buffer, at: number): number | undefined {
    const end = bytes.indexOf(lineFeed, at);
    if ((end === -1 ? bytes.length : end) - at > longestHeadBytes)
      throw new AnswerFormatError('the answer has too many trailers');
    if (end === -1) return undefined;
    if (bytes[end - 1] !== carriageReturn || end === at) throw new AnswerFormatError('a trailer has no proper end');
    if (end - 1 === at) {
      this.#finish();
      return end + 1;
    }
    this.#left += end - at;
    if (this.#left > longestHeadBytes) throw new AnswerFormatError('the answer has too many trailers');
    return end + 1;
  }

  #finish(): void {
    this.#place = 'done';
    this.#events.onDone();
  }
}

const beginning = Buffer.from('HTTP/1.');

/** What cannot become a head any more is refused at once instead of waited for. */
function couldBeHttp(bytes: Buffer, at: number): boolean {
  const count = Math.min(beginning.length, bytes.length - at);
  return bytes.compare(beginning, 0, count, at, at + count) === 0;
}

/** What a hexadecimal digit counts; -1 for anything else. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
