// How a socket is read: into one buffer for all, each read copied into memory of its own size.
import type { OnReadOpts } from 'node:net';

/** The most that one read brings. Smaller reads cost more where a stream comes at full speed, larger ones cost no less. */
const readBytes = 32 << 10;

/** Makes the `onread` of a socket out of what takes its bytes. */
export type Reading = (take: (bytes: Buffer) => void) => OnReadOpts;

/**
 * Node's own way takes 64 KiB anew for each read and keeps what comes while the socket is paused; here nothing is kept.
 * A copy does not come from the pool of `Buffer`: a few bytes that wait for a slow client would keep a whole block of it.
 */
export function newReading(): Reading {
  const shared = Buffer.allocUnsafeSlow(readBytes);
  return (take) => ({
    buffer: shared,
    callback(count) {
      const bytes = Buffer.allocUnsafeSlow(count);
      shared.copy(bytes, 0, 0, count);
      take(bytes);
      return true;
    },
  });
}
