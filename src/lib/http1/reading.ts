// How a socket is read: into one buffer for all, which whoever takes a read looks at where it lies.
import type { OnReadOpts } from 'node:net';

/** The most that one read brings. Smaller reads cost more where a stream comes at full speed, larger ones cost no less. */
const readBytes = 32 << 10;

/** Makes the `onread` of a socket out of what takes its bytes. */
export type Reading = (take: (bytes: Buffer) => void) => OnReadOpts;

/**
 * Node's own way takes 64 KiB anew for each read and keeps what comes while the socket is paused; here nothing is kept.
 * The bytes are a part of the one buffer: when `take` returns the next read overwrites them, and who needs them longer
 * copies them. Memory of its own for each read would cost more than all that is done with a short one.
 */
export function newReading(): Reading {
  const shared = Buffer.allocUnsafeSlow(readBytes);
  return (take) => ({
    buffer: shared,
    callback(count) {
      take(shared.subarray(0, count));
      return true;
    },
  });
}
