// The header fields of a message, read as strictly as RFC 9112 allows: what can be read in two ways is refused.
import { MessageFormatError } from './format-error.ts';

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u;
/** What could end a line or a text early: control characters, and half an end of a line. */
// oxlint-disable-next-line no-control-regex
const badCharacter = /[\0-\x08\v\f\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/u;
/** A sender that makes up names shall not fill the memory. */
const mostNames = 512;
/** Nor shall it by long ones. */
const longestName = 64;

/** Names as they come → in lower case: the same few come again and again. */
export class NameCache {
  readonly #names = new Map<string, string>();

  /** Throws where it is no name of a field. */
  lower(name: string): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (!fieldName.test(name)) throw new MessageFormatError('has a header without a proper name');
    const lower = name.toLowerCase();
    if (this.#names.size < mostNames && name.length <= longestName) this.#names.set(name, lower);
    return lower;
  }
}

/** Throws where a head holds a character that no part of it may hold. */
export function checkCharacters(head: string): void {
  if (badCharacter.test(head)) throw new MessageFormatError('has a head with a control character');
}

/**
 * Reads the lines of a head from the end of its first line on (-1 where there are no others): name in lower case and
 * value in turn. Its characters must have been checked.
 */
export function readFields(head: string, endOfFirstLine: number, names: NameCache): string[] {
  const fields: string[] = [];
  for (let end = endOfFirstLine; end !== -1;) {
    const start = end + 2;
    end = head.indexOf('\r\n', start);
    const stop = end === -1 ? head.length : end;
    const colon = head.indexOf(':', start);
    if (colon <= start || colon >= stop) throw new MessageFormatError('has a header without a name');
    fields.push(names.lower(head.slice(start, colon)), trimmed(head, colon + 1, stop));
  }
  return fields;
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
