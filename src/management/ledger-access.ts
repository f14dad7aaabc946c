// What the management API needs of the ledger besides its tables: that they are up to date.
import type { Clock } from '../lib/clock.ts';

/** The ledger at work. */
export interface LedgerAccess {
  /** Resolves when everything that was settled so far is in the database. */
  sync(): Promise<void>;
}

/** A database that is away must not keep anyone from reading it where it answers. */
const longestWaitMs = 1000;

/** Waits, but not for long, until the answers that clients have had so far are in the database. */
export async function catchUp(ledger: LedgerAccess, clock: Clock): Promise<void> {
  let stopWaiting = (): void => {};
  const waited = new Promise<void>((resolve) => {
    stopWaiting = clock.after(longestWaitMs, resolve);
  });
  // What is wrong is said by the ledger itself, in the log and in /ready.
  await Promise.race([ledger.sync().catch(() => undefined), waited]);
  stopWaiting();
}
