// A secret that cannot slip into a log, an error or an answer: it prints as [secret] wherever it is printed.
import { inspect } from 'node:util';

const shown = '[secret]';

/** Holds text that only `reveal` gives out; every way of printing it gives `[secret]`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself: for the wire and the vault, and for nothing else. */
  reveal(): string {
    return this.#text;
  }

  /** What may be shown of an API key so that its owner knows it again: `sk-…` and the last four characters. */
  mask(): string {
    const isLong = this.#text.length >= 12;
    const start = /^[a-z]{2,4}[-_]/u.exec(this.#text)?.[0] ?? '';
    return isLong ? `${start}…${this.#text.slice(-4)}` : '…';
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
