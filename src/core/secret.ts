// A secret that cannot slip into a log, an error or an answer: it prints as [secret] wherever it is printed.
import { hash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const shown = '[secret]';

/** Holds text that only `reveal` gives out; every way of printing it gives `[secret]`. */
export class Secret {
  readonly #text: string;
  #marks: readonly string[] | undefined;
  #shortestMark: number | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for the wire and the vault, and for nothing else. */
  reveal(): string {
    return this.#text;
  }

  /** Whether it is this text, told in a time that says nothing of either. */
  isText(text: string): boolean {
    return timingSafeEqual(hash('sha256', text, 'buffer'), hash('sha256', this.#text, 'buffer'));
  }

  /** What may be shown of an API key so that its owner knows it again: `sk-…` and the last four characters. */
  mask(): string {
    const isLong = this.#text.length >= 12;
    const start = /^[a-z]{2,4}[-_]/u.exec(this.#text)?.[0] ?? '';
    return isLong ? `${start}…${this.#text.slice(-4)}` : '…';
  }

  /**
   * By what to know it in a text that somebody else wrote: its first twelve characters as they are, in hexadecimal, and in
   * base64, where the same bytes look different at each of three places. Not to be shown either.
   */
  marks(): readonly string[] {
    this.#marks ??= marksOf(this.#text);
    return this.#marks;
  }

  /** How many characters the shortest of them has; infinite where there are none. */
  get shortestMark(): number {
    this.#shortestMark ??= Math.min(...this.marks().map(({ length }) => length));
    return this.#shortestMark;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }

  [inspect.custom](): string {
    return shown;
  }
}

/** Fewer than eight characters tell nothing: of a short secret all of them are taken, of a long one the first twelve. */
export const markLength = 12;
const shortestMark = 8;

function marksOf(text: string): readonly string[] {
  const start = Buffer.from(text.slice(0, markLength));
  if (start.length < shortestMark) return text === '' ? [] : [text];
  const base64 = [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), start]).toString('base64');
    // The first and the last characters depend on what stands beside it.
    return encoded.slice(offset === 0 ? 0 : offset + 1, -4);
  });
  const forUrls = base64.map((mark) => mark.replaceAll('+', '-').replaceAll('/', '_'));
  return [...new Set([start.toString(), start.toString('hex'), ...base64, ...forUrls])];
}
