// What the events of one stream have in common: most differ in their text alone, and such a one need not be read again as a whole.
import { channels, type HeardText } from '../../core/heard-text.ts';
import { joinBytes } from '../../lib/bytes.ts';

/** Where the parts of an event stand in its bytes that differ from one to the next; each is the inside of a string. */
export interface MoldParts {
  /** The choice that says it. */
  readonly choice: number;
  readonly textStart: number;
  readonly textEnd: number;
  /** Random characters that OpenAI adds, so that nobody learns from the length; -1 where there are none. */
  readonly paddingStart: number;
  readonly paddingEnd: number;
}

const quote = 0x22;
const backslash = 0x5c;
const carriageReturn = 0x0d;
const firstVisible = 0x20;

/** Longer texts are few, and looked through faster where events are read as a whole. */
const longestText = 512;

/** An event that has been read, as the form of those that follow. */
export class EventMold {
  /**
   * The learned event from behind its last string that differs up to its end, then from its beginning up to its text: as
   * these stand between the texts of two events.
   */
  #between: Buffer = Buffer.alloc(0);
  #tailBytes = 0;
  /** From behind its text up to its padding; undefined where it has none. */
  #middle: Buffer | undefined;
  #isLearned = false;
  #choice = 0;

  /** Takes an event that says some text and nothing else, its line ends included, as the form of the next ones. */
  learn(event: Uint8Array, { choice, textStart, textEnd, paddingStart, paddingEnd }: MoldParts): void {
    // A line feed that comes later may belong to its end.
    this.#isLearned = event.at(-1) !== carriageReturn;
    if (!this.#isLearned) return;
    // Copies, for the event is a view on all that was read with it; in memory of their own, for they stay as long as the
    // stream, and would keep all 64 KiB of the pool that small buffers come from.
    const hasPadding = paddingStart !== -1;
    const tail = event.subarray(hasPadding ? paddingEnd : textEnd);
    this.#between = joinBytes([tail, event.subarray(0, textStart)]);
    this.#tailBytes = tail.length;
    this.#middle = hasPadding ? joinBytes([event.subarray(textEnd, paddingStart)]) : undefined;
    this.#choice = choice;
  }

  forget(): void {
    this.#isLearned = false;
  }

  /**
   * Passes events that stand one behind the other, the first one at `from`, and are the learned one but for their text,
   * which is not empty, and their padding; what they say goes to `text`. The end of the last of them, or `from`.
   */
  pass(bytes: Uint8Array, from: number, text: HeardText): number {
    if (!this.#isLearned || !this.#stands(bytes, from, this.#tailBytes, this.#between.length)) return from;
    const betweenBytes = this.#between.length;
    const tailBytes = this.#tailBytes;
    let textStart = from + betweenBytes - tailBytes;
    let passed = from;
    for (;;) {
      const textEnd = endOfString(bytes, textStart);
      if (textEnd <= textStart) return passed;
      const end = this.#endOfPadding(bytes, textEnd);
      if (end === -1) return passed;
      const isFollowed = this.#stands(bytes, end, 0, betweenBytes);
      if (!isFollowed && !this.#stands(bytes, end, 0, tailBytes)) return passed;
      text.add(this.#choice, channels.content, bytes, textStart, textEnd);
      passed = end + tailBytes;
      if (!isFollowed) return passed;
      textStart = end + betweenBytes;
    }
  }

  /** Where the last string of an event ends that differs, or -1. */
  #endOfPadding(bytes: Uint8Array, textEnd: number): number {
    const middle = this.#middle;
    if (middle === undefined) return textEnd;
    const start = textEnd + middle.length;
    return start <= bytes.length && middle.compare(bytes, textEnd, start) === 0 ? endOfString(bytes, start) : -1;
  }

  /** Whether what stands at `at` is what the learned event has from `from` up to `end`. */
  #stands(bytes: Uint8Array, at: number, from: number, end: number): boolean {
    const bytesEnd = at + end - from;
    return bytesEnd <= bytes.length && this.#between.compare(bytes, at, bytesEnd, from, end) === 0;
  }
}

/** Where the inside of a short string ends that begins at `start`, or -1; no event ends inside of it. */
function endOfString(bytes: Uint8Array, start: number): number {
  const limit = Math.min(bytes.length, start + longestText);
  for (let i = start; i < limit; i += 1) {
    const byte = bytes[i] as number;
    if (byte === quote) return i;
    if (byte === backslash) i += 1;
    if ((bytes[i] as number) < firstVisible) return -1;
  }
  return -1;
}
