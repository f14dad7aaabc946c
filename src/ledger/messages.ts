// What the data plane and the ledger's thread say to each other.
import type { Transcript } from '../core/transcript.ts';
import type { Retention } from '../storage/ledger-maintenance.ts';
import type { SpoolPosition } from '../storage/ledger-store.ts';

/** What the thread is started with. */
export interface LedgerThreadData {
  readonly databaseUrl: string;
  /** The folder of all spools. */
  readonly root: string;
  /** The name of this process's own. */
  readonly spool: string;
  readonly retention: Retention;
}

export type ToLedger =
  /** Keep this. */
  | { readonly kind: 'transcript'; readonly transcript: Transcript }
  /** Say when everything up to this place is in the database. */
  | { readonly kind: 'sync'; readonly n: number; readonly to: SpoolPosition }
  /** Take over the rest and end. `isWritten`: nothing is left that could not be written to the spool. */
  | { readonly kind: 'close'; readonly isWritten: boolean };

export type FromLedger =
  | { readonly kind: 'started' }
  /** `isTaken`: another process has the spool; one with another name may be had. */
  | { readonly kind: 'failed'; readonly message: string; readonly isTaken: boolean }
  | { readonly kind: 'synced'; readonly n: number }
  | { readonly kind: 'taken_over'; readonly position: SpoolPosition }
  /** The database does not take the ledger; null: it does again. */
  | { readonly kind: 'trouble'; readonly message: string | null }
  /** Old rows stay, and sums are not folded; null: they are again. */
  | { readonly kind: 'untidy'; readonly message: string | null }
  /** What a process that is no more has left cannot be taken over; null: it can again. */
  | { readonly kind: 'not_adopted'; readonly message: string | null }
  | { readonly kind: 'reserve_restored' }
  /** So many bytes of transcripts are on their way no more; the database did not take `lost` of them. */
  | { readonly kind: 'transcripts_arrived'; readonly bytes: number; readonly lost: number }
  | { readonly kind: 'closed' };
