// Writes the header fields of a message; what cannot be sent as one line is refused.
import { fieldName, isSecretField } from './fields.ts';
import { LineMemory, type Line } from './line-memory.ts';

/** Nothing that could end a line early, and nothing that is not one byte. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/u;

/** A line that has been written; its text is empty where it is left out, or a secret. */
interface WrittenLine extends Line {
  readonly isLeftOut: boolean;
}

/** Writes heads of which each is much like the one before: what has not changed is not looked at again. */
export class FieldWriter {
  readonly #left: ReadonlySet<string>;
  readonly #refuse: (name: string) => Error;
  readonly #memory = new LineMemory<WrittenLine>();

  /** `left` are names in lower case that are left out; `refuse` makes the error for a header that cannot be sent. */
  constructor(left: ReadonlySet<string>, refuse: (name: string) => Error) {
    this.#left = left;
    this.#refuse = refuse;
  }

  /** The lines of headers, name and value in turn, as latin1 text. Throws where one would be the beginning of something else. */
  write(headers: readonly string[]): string {
    let lines = '';
    for (let place = 0; 2 * place + 1 < headers.length; place += 1) {
      const run = this.#memory.run(place);
      if (run !== undefined) {
        if (standsAt(headers, 2 * place, run.fields)) {
          lines += run.text;
          place += run.lines - 1;
          continue;
        }
        this.#memory.miss();
      }
      const name = headers[2 * place] as string;
      const value = headers[2 * place + 1] as string;
      const known = this.#memory.line(place);
      if (known === undefined || known.name !== name) lines += this.#line(name, value, place);
      else if (known.value === value) {
        this.#memory.see(known);
        lines += known.text;
      } else lines += this.#renew(known, value);
    }
    this.#memory.finish();
    return lines;
  }

  /** What is kept has a proper name. */
  #renew(line: WrittenLine, value: string): string {
    if (!fieldValue.test(value)) throw this.#refuse(line.name);
    const text = line.isLeftOut ? '' : `${line.name}: ${value}\r\n`;
    if (line.value === undefined) return text;
    line.text = text;
    line.value = value;
    line.seen = 0;
    return text;
  }

  #line(name: string, value: string, place: number): string {
    if (!fieldName.test(name) || !fieldValue.test(value)) throw this.#refuse(name);
    const lower = name.toLowerCase();
    const isLeftOut = this.#left.has(lower);
    const text = isLeftOut ? '' : `${name}: ${value}\r\n`;
    this.#memory.keep(
      place,
      isSecretField(lower)
        ? { name, value: undefined, text: '', seen: 0, isLeftOut }
        : { name, value, text, seen: 0, isLeftOut },
    );
    return text;
  }
}

/** Mostly the texts are the very ones of the last time. */
function standsAt(headers: readonly string[], at: number, fields: readonly string[]): boolean {
  if (headers.length - at < fields.length) return false;
  for (let i = 0; i < fields.length; i += 1) if (headers[at + i] !== fields[i]) return false;
  return true;
}
