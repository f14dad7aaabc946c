// How long the supervisor waits before it starts a worker again: longer each time, unless it has worked well in between.

const firstMs = 250;
const longestMs = 30_000;
/** Who has served so long has not failed at once. */
const goodMs = 60_000;

/** How often a worker has ended in a row, after one more that served for `servedMs`. */
export function endsInRow(before: number, servedMs: number): number {
  return servedMs >= goodMs ? 1 : before + 1;
}

/** The pause before the next start, ms; `ends` is from 1. */
export function restartPauseMs(ends: number): number {
  return Math.min(firstMs * 2 ** (ends - 1), longestMs);
}
