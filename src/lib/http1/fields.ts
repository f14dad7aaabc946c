// The header fields of a message, read as strictly as RFC 9112 allows: what can be read in two ways is refused.
import { internedText } from '../own-text.ts';
import { MessageFormatError } from './format-error.ts';
import { LineMemory, type Line } from './line-memory.ts';

/** A token (RFC 9110, section 5.6.2). */
export const fieldName: RegExp = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u;
/** What could end a line or a text early. */
// oxlint-disable-next-line no-control-regex
const badCharacter = /[\0-\x08\n-\x1f\x7f]/u;
/** A sender that makes up names or lines shall not fill the memory, neither by many nor by long ones. */
const mostNames = 512;
const longestKept = 128;
/** Values that are nobody's business once their request is over. */
const secret = /^(?:(?:proxy-)?authorization|(?:set-)?cookie|.*(?:api-key|secret|auth-token).*)$/u;

/** Whether the value of a field, by its name in lower case, is to be forgotten with its request. */
export function isSecretField(name: string): boolean {
  return secret.test(name);
}

/** A name of a field. */
interface Name {
  readonly lower: string;
  /** Its values are forgotten with their request. */
  readonly isSecret: boolean;
}

/** Reads heads of which each is much like the one before: what has not changed is not looked at again. */
export class FieldReader {
  /** Names as they came. */
  readonly #names = new Map<string, Name>();
  readonly #memory = new LineMemory<Line>();

  /**
   * Reads the lines of a head from the end of its first line on (-1 where there are no others): name in lower case and
   * value in turn. Throws a `MessageFormatError`.
   */
  read(head: string, endOfFirstLine: number): string[] {
    let fields: string[] = [];
    let start = endOfFirstLine === -1 ? head.length : endOfFirstLine + 2;
    for (let place = 0; start < head.length; place += 1) {
      const run = this.#memory.run(place);
      // `startsWith` costs three times as much.
      if (run !== undefined) {
        if (head.slice(start, start + run.text.length) === run.text) {
          if (place === 0) fields = run.fields.slice();
          else for (let i = 0; i < run.fields.length; i += 1) fields.push(run.fields[i] as string);
          start += run.text.length;
          place += run.lines - 1;
          continue;
        }
        this.#memory.miss();
      }
      const known = this.#memory.line(place);
      if (known?.value !== undefined && head.slice(start, start + known.text.length) === known.text) {
        this.#memory.see(known);
        fields.push(known.name, known.value);
        start += known.text.length;
        continue;
      }
      const end = head.indexOf('\r\n', start);
      const stop = end === -1 ? head.length : end;
      const colon = head.indexOf(':', start);
      if (colon <= start || colon >= stop) throw new MessageFormatError('has a header without a name');
      const { lower: name, isSecret } = this.#name(head.slice(start, colon));
      const value = trimmed(head, colon + 1, stop);
      if (badCharacter.test(value)) throw new MessageFormatError('has a header with a control character');
      fields.push(name, value);
      if (stop - start <= longestKept && end !== -1)
        this.#memory.keep(place, isSecret ? undefined : { name, value, text: head.slice(start, end + 2), seen: 0 });
      start = stop + 2;
    }
    this.#memory.finish();
    return fields;
  }

  /** Throws where it is no name of a field. */
  #name(text: string): Name {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (!fieldName.test(text)) throw new MessageFormatError('has a header without a proper name');
    const lower = internedText(text.toLowerCase());
    const name = { lower, isSecret: isSecretField(lower) };
    if (this.#names.size < mostNames && text.length <= longestKept) this.#names.set(text, name);
    return name;
  }
}

/** Without the blanks around it; most values have one before them. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
