// What keeps the ledger small and quick to read: the folding of sums, and the end of old rows.
import type { Settings } from '../core/settings.ts';

/**
 * Works in small bites, so that whoever writes to the database never waits long. On the embedded database nothing else
 * in the same thread may write before a step has ended. Rejects with a `StorageError` where the database does not answer.
 */
export interface LedgerMaintenance {
  /** Does a bite of what is due at this moment; true where more is due at once. */
  step(nowMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** What is kept. */
export interface Retention {
  /** How long the rows of a request are kept, ms; the sums are kept for ever. Null: for ever too. */
  readonly requestsMs: number | null;
  /** How long transcripts are kept, ms; null: for ever. */
  readonly transcriptsMs: number | null;
}

const dayMs = 86_400_000;

/** What the settings say of it: a transcript never outlives its request. */
export function retentionOf(
  settings: Pick<Settings, 'REQUEST_RETENTION_DAYS' | 'TRANSCRIPT_RETENTION_DAYS'>,
): Retention {
  const requestDays = settings.REQUEST_RETENTION_DAYS || Infinity;
  const transcriptDays = Math.min(settings.TRANSCRIPT_RETENTION_DAYS || Infinity, requestDays);
  const inMs = (days: number): number | null => (days === Infinity ? null : days * dayMs);
  return { requestsMs: inMs(requestDays), transcriptsMs: inMs(transcriptDays) };
}
