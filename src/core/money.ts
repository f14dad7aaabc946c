// Money between decimal texts in US dollars, as people write it, and whole nano-dollars, as it is counted: exact both ways.

/** Digits behind the point of the smallest amount: a nano-dollar is 10⁻⁹ USD. */
const nanoDigits = 9;

/** An amount, or why the text is none: the end of a sentence that begins with its name. */
export type UsdReading = { readonly nanoUsd: number } | { readonly problem: string };

/** The digits and the exponent of a decimal number, in the spellings that JSON numbers can have. */
const decimal = /^(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/u;

/** Reads an amount that is not negative. A number counts as the shortest text that stands for it; nothing is rounded. */
export function readUsd(value: string | number): UsdReading {
  const [, whole, fraction = '', exponent = '0'] = decimal.exec(String(value)) ?? [];
  if (whole === undefined) return { problem: 'must be an amount in US dollars, such as "2.50"' };
  const digits = (whole + fraction).replace(/^0+/u, '');
  if (digits === '') return { nanoUsd: 0 };
  const shift = Number(exponent) - fraction.length + nanoDigits;
  const significant = digits.replace(/0+$/u, '');
  if (shift + digits.length - significant.length < 0) {
    return { problem: `must have no more than ${nanoDigits} digits behind the point` };
  }
  const nanoUsd = shift >= 0 ? Number(digits + '0'.repeat(shift)) : Number(digits.slice(0, shift));
  return Number.isSafeInteger(nanoUsd) ? { nanoUsd } : { problem: `must be at most ${largestUsd} US dollars` };
}

/** The largest amount that is still exact: about nine million dollars. */
const largestUsd = Math.floor(Number.MAX_SAFE_INTEGER / 10 ** nanoDigits);

const zero = 0x30;

/** An amount as the API writes it: decimal, in US dollars, exact, without zeros at the end. */
export function writeUsd(nanoUsd: number | bigint): string {
  const sign = nanoUsd < 0 ? '-' : '';
  const digits = String(nanoUsd < 0 ? -nanoUsd : nanoUsd).padStart(nanoDigits + 1, '0');
  const point = digits.length - nanoDigits;
  let end = digits.length;
  while (end > point && digits.charCodeAt(end - 1) === zero) end -= 1;
  const whole = sign + digits.slice(0, point);
  return end === point ? whole : `${whole}.${digits.slice(point, end)}`;
}
