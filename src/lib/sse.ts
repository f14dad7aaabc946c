// Server-sent events as bytes: finds where each event ends, however the bytes were cut on the way.

import { hasMark } from './byte-order-mark.ts';
import { joinBytes } from './bytes.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const colon = 0x3a;
const space = 0x20;

/** The event outgrew the limit that the splitter was given. */
export class EventTooLargeError extends Error {
  override readonly name = 'EventTooLargeError';
  constructor(limitBytes: number) {
    super(`an event is larger than ${limitBytes} bytes`);
  }
}

/** Takes one event. */
type TakeEvent = (event: Uint8Array) => void;

/**
 * Asked at the beginning of an event whether it knows what follows: takes as many whole events as it likes and answers
 * where they end, or answers with `from`. These are not looked at any further.
 */
type PassEvents = (bytes: Uint8Array, from: number) => number;

/**
 * Cuts a byte stream into events: each with its closing blank line, every byte in exactly one of them, in order.
 * Line ends may be LF, CR or CRLF, mixed; chunks may be cut anywhere (WHATWG HTML, "server-sent events").
 */
export class EventSplitter {
  readonly #limitBytes: number;
  #pieces: Uint8Array[] = [];
  #piecesBytes = 0;
  #lineIsEmpty = true;
  /** The chunk before ended with a CR: an LF right at the start of the next one belongs to the same line end. */
  #afterReturn = false;
  /** That CR also ended an event, which has gone out already. */
  #eventEndedOnReturn = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes of a begun event that wait for their end. */
  get pendingBytes(): number {
    return this.#piecesBytes;
  }

  /**
   * Feeds one chunk, whose memory is the caller's again afterwards; calls `emit` for each event that ended in it, but for those that `pass` takes. The late LF of a cut
   * CRLF comes as an event of its own.
   */
  push(chunk: Uint8Array, emit: TakeEvent, pass?: PassEvents): void {
    const length = chunk.length;
    if (length === 0) return;
    let start = 0;
    let i = 0;
    if (this.#afterReturn && chunk[0] === lineFeed) {
      i = 1;
      if (this.#eventEndedOnReturn) {
        emit(chunk.subarray(0, 1));
        start = 1;
      }
    }
    this.#afterReturn = false;
    this.#eventEndedOnReturn = false;
    let hasReturns: boolean | undefined;
    while (i < length) {
      if (i === start && this.#piecesBytes === 0 && pass !== undefined) {
        i = pass(chunk, start);
        start = i;
        if (i === length) return;
      }
      hasReturns ??= chunk.includes(carriageReturn, i);
      const lineEnd = hasReturns ? endOfLine(chunk, i) : endOfLineFeedLine(chunk, i);
      if (lineEnd > i) this.#lineIsEmpty = false;
      if (lineEnd === length) break;
      i = lineEnd + 1;
      const isReturn = chunk[lineEnd] === carriageReturn;
      if (isReturn && chunk[i] === lineFeed) i += 1;
      else if (isReturn && i === length) this.#afterReturn = true;
      const isBlank = this.#lineIsEmpty;
      this.#lineIsEmpty = true;
      if (!isBlank) continue;
      this.#eventEndedOnReturn = this.#afterReturn;
      this.#emit(chunk.subarray(start, i), emit, pass);
      start = i;
    }
    if (start < length) this.#hold(start === 0 ? chunk : chunk.subarray(start));
  }

  /** What is left when the stream has ended: an event without its blank line, or nothing. */
  flush(): Uint8Array | undefined {
    if (this.#piecesBytes === 0) return undefined;
    return this.#join();
  }

  #hold(piece: Uint8Array): void {
    this.#pieces.push(joinBytes([piece]));
    this.#piecesBytes += piece.length;
    if (this.#piecesBytes > this.#limitBytes) throw new EventTooLargeError(this.#limitBytes);
  }

  #emit(tail: Uint8Array, emit: TakeEvent, pass: PassEvents | undefined): void {
    if (this.#piecesBytes === 0) {
      emit(tail);
      return;
    }
    this.#hold(tail);
    const event = this.#join();
    if (pass === undefined || pass(event, 0) === 0) emit(event);
  }

  #join(): Uint8Array {
    const whole = this.#pieces.length === 1 ? (this.#pieces[0] as Uint8Array) : joinBytes(this.#pieces);
    this.#pieces = [];
    this.#piecesBytes = 0;
    return whole;
  }
}

/** The same where there is no CR: the runtime's own search is faster than a loop. */
function endOfLineFeedLine(chunk: Uint8Array, from: number): number {
  const found = chunk.indexOf(lineFeed, from);
  return found === -1 ? chunk.length : found;
}

function endOfLine(chunk: Uint8Array, from: number): number {
  let i = from;
  while (i < chunk.length) {
    const byte = chunk[i];
    if (byte === lineFeed || byte === carriageReturn) return i;
    i += 1;
  }
  return i;
}

/** An event's `data`, or undefined where it has none (a comment, a lone `event:` line). */
export function eventData(event: Uint8Array): Uint8Array | undefined {
  // Nearly every event is one line of data, a line feed and another one.
  const lineEnd = event.length - 2;
  if (event.indexOf(lineFeed) === lineEnd && event[lineEnd + 1] === lineFeed && !event.includes(carriageReturn))
    return dataOfLine(event, 0, lineEnd);
  let found: Uint8Array | undefined;
  let more: Uint8Array[] | undefined;
  let lineStart = 0;
  while (lineStart < event.length) {
    const lineEnd = endOfLine(event, lineStart);
    const value = dataOfLine(event, lineStart, lineEnd);
    if (value !== undefined) {
      if (found === undefined) found = value;
      else (more ??= [found]).push(value);
    }
    lineStart = lineEnd + 1;
  }
  return more === undefined ? found : joinLines(more);
}

function dataOfLine(event: Uint8Array, start: number, end: number): Uint8Array | undefined {
  // "data", then the end of the line or a colon and perhaps one space. A byte order mark may open the stream.
  const isMarked = start === 0 && hasMark(event);
  const i = isMarked ? 3 : start;
  if (event[i] !== 0x64 || event[i + 1] !== 0x61 || event[i + 2] !== 0x74 || event[i + 3] !== 0x61) return undefined;
  if (i + 4 === end) return event.subarray(end, end);
  if (event[i + 4] !== colon) return undefined;
  const valueStart = event[i + 5] === space ? i + 6 : i + 5;
  return event.subarray(Math.min(valueStart, end), end);
}

function joinLines(lines: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const line of lines) {
    if (parts.length > 0) parts.push(Uint8Array.of(lineFeed));
    parts.push(line);
  }
  return Buffer.concat(parts);
}
