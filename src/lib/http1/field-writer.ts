// Writes the header fields of a message; what cannot be sent as one line is refused.
import { fieldName, isSecretField } from './fields.ts';

/** Nothing that could end a line early, and nothing that is not one byte. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/u;
const mostPlaces = 64;

interface Line {
  readonly name: string;
  /** Undefined where it is a secret: nothing of one is kept. */
  value: string | undefined;
  /** Empty where it is left out, or a secret. */
  text: string;
  readonly isLeftOut: boolean;
}

/** Writes heads of which each is much like the one before: what has not changed is not looked at again. */
export class FieldWriter {
  readonly #left: ReadonlySet<string>;
  readonly #refuse: (name: string) => Error;
  readonly #lines: (Line | undefined)[] = [];

  /** `left` are names in lower case that are left out; `refuse` makes the error for a header that cannot be sent. */
  constructor(left: ReadonlySet<string>, refuse: (name: string) => Error) {
    this.#left = left;
    this.#refuse = refuse;
  }

  /** The lines of headers, name and value in turn, as latin1 text. Throws where one would be the beginning of something else. */
  write(headers: readonly string[]): string {
    let lines = '';
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      const known = this.#lines[i >> 1];
      if (known === undefined || known.name !== name) lines += this.#line(name, value, i >> 1);
      else if (known.value === value) lines += known.text;
      else lines += this.#renew(known, value);
    }
    return lines;
  }

  /** What is kept has a proper name. */
  #renew(line: Line, value: string): string {
    if (!fieldValue.test(value)) throw this.#refuse(line.name);
    const text = line.isLeftOut ? '' : `${line.name}: ${value}\r\n`;
    if (line.value === undefined) return text;
    line.text = text;
    line.value = value;
    return text;
  }

  #line(name: string, value: string, place: number): string {
    if (!fieldName.test(name) || !fieldValue.test(value)) throw this.#refuse(name);
    const lower = name.toLowerCase();
    const isLeftOut = this.#left.has(lower);
    const text = isLeftOut ? '' : `${name}: ${value}\r\n`;
    if (place < mostPlaces)
      this.#lines[place] = isSecretField(lower)
        ? { name, value: undefined, text: '', isLeftOut }
        : { name, value, text, isLeftOut };
    return text;
  }
}
