// Where the lines of heads end: with CRLF as they should, or with line feeds alone, as some servers and hands write them.

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const bareEnd = Buffer.from('\n\n');

/** The two line ends that follow upon each other behind a head. */
export const endOfHeadBytes = 4;

/** Where they begin, -1 where they are not there: as long as bytes are not theirs, one of four is looked at. */
export function endOfHead(bytes: Uint8Array, from: number): number {
  let i = from + endOfHeadBytes - 1;
  while (i < bytes.length) {
    const byte = bytes[i];
    if (byte !== carriageReturn && byte !== lineFeed) i += endOfHeadBytes;
    else if (
      byte === lineFeed &&
      bytes[i - 1] === carriageReturn &&
      bytes[i - 2] === lineFeed &&
      bytes[i - 3] === carriageReturn
    )
      return i - endOfHeadBytes + 1;
    else i += 1;
  }
  return -1;
}

/**
 * The first line from `at` on ends with a line feed alone, or an empty one does: the head's own end, CRLF twice, would be
 * waited for in vain.
 */
export function hasBareLineFeed(bytes: Buffer, at: number): boolean {
  const found = bytes.indexOf(lineFeed, at);
  if (found === -1) return false;
  return found === at || bytes[found - 1] !== carriageReturn || bytes.includes(bareEnd, at);
}
