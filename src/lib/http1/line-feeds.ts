// Heads whose lines end with line feeds alone, as some servers and hands write them.

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const bareEnd = Buffer.from('\n\n');

/**
 * The first line from `at` on ends with a line feed alone, or an empty one does: the head's own end, CRLF twice, would be
 * waited for in vain.
 */
export function hasBareLineFeed(bytes: Buffer, at: number): boolean {
  const found = bytes.indexOf(lineFeed, at);
  if (found === -1) return false;
  return found === at || bytes[found - 1] !== carriageReturn || bytes.includes(bareEnd, at);
}
