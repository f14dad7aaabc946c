// A line of the log as a person at a terminal reads it: in one line, with what is there and without what is not.

/** What stands elsewhere in the line. */
const elsewhere = new Set(['level', 'time', 'msg', 'err']);

/** What needs no quotes. All else gets them: a client may have written it, and a terminal obeys some characters. */
const harmless = /^[\w.:/@*+-]+$/u;

/** The message with the line's members behind it: `request status=200 model=gpt-4`. */
export function inOneLine(line: Readonly<Record<string, unknown>>): string {
  const words = Object.entries(line)
    .filter(([name, value]) => !elsewhere.has(name) && value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' && harmless.test(value) ? value : quoted(value)}`);
  const { msg } = line;
  return [typeof msg === 'string' ? msg : '', ...words].join(' ').trim();
}

function quoted(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\u007f-\u009f\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
