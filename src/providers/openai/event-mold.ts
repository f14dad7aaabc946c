// What the events of one stream have in common: most differ in their text alone, and such a one need not be read again as a whole.
import { joinBytes } from '../../lib/bytes.ts';
import { skipString } from '../../lib/json-scan.ts';

/** Where the parts of an event stand that differ from one to the next; each is the inside of a string. */
export interface MoldParts {
  /** The choice that says it. */
  readonly choice: number;
  readonly textStart: number;
  readonly textEnd: number;
  /** Random characters that OpenAI adds, so that nobody learns from the length; -1 where there are none. */
  readonly paddingStart: number;
  readonly paddingEnd: number;
}

/** An event that has been read, as the form of those that follow. */
export class EventMold {
  #event: Buffer = Buffer.alloc(0);
  #parts: MoldParts | undefined;
  #textEnd = 0;

  get choice(): number {
    return this.#parts?.choice ?? 0;
  }

  get textStart(): number {
    return this.#parts?.textStart ?? 0;
  }

  /** Where the text of the event ends that has fitted last. */
  get textEnd(): number {
    return this.#textEnd;
  }

  /** Takes an event with nothing but text as the form of the next ones. */
  learn(event: Uint8Array, parts: MoldParts): void {
    // A copy, for the event is a view on all that was read with it; in memory of its own, for it stays as long as the
    // stream, and would keep all 64 KiB of the pool that small buffers come from.
    this.#event = joinBytes([event]);
    this.#parts = parts;
  }

  forget(): void {
    this.#parts = undefined;
  }

  /** Whether the event is the learned one but for its text, which is not empty, and its padding. */
  fits(event: Uint8Array): boolean {
    const parts = this.#parts;
    if (parts === undefined) return false;
    const { textStart, textEnd, paddingStart, paddingEnd } = parts;
    if (!this.#isSame(event, 0, 0, textStart)) return false;
    let at = endOfString(event, textStart);
    if (at <= textStart) return false;
    this.#textEnd = at;
    let from = textEnd;
    if (paddingStart !== -1) {
      if (!this.#isSame(event, at, from, paddingStart)) return false;
      at = endOfString(event, at + paddingStart - from);
      if (at === -1) return false;
      from = paddingEnd;
    }
    const { length } = this.#event;
    return event.length - at === length - from && this.#isSame(event, at, from, length);
  }

  /** Whether the event has from `at` on what the learned one has from `from` up to `end`. */
  #isSame(event: Uint8Array, at: number, from: number, end: number): boolean {
    const eventEnd = at + end - from;
    return eventEnd <= event.length && this.#event.compare(event, at, eventEnd, from, end) === 0;
  }
}

/** Where the inside of a string ends that begins at `start`, or -1. */
function endOfString(bytes: Uint8Array, start: number): number {
  const end = skipString(bytes, start - 1, bytes.length);
  return end === -1 ? -1 : end - 1;
}
