// What the supervisor and its workers tell each other.
import type { MetricReport } from '../core/metric-report.ts';

/** To a worker. */
export type ToWorker =
  /** The first word: who it is among how many, and where to listen; port 0 is for the first to choose. */
  | { readonly kind: 'begin'; readonly number: number; readonly count: number; readonly port: number }
  /** The start has been announced: log lines may go out. */
  | { readonly kind: 'announced' }
  /** Drain and end. */
  | { readonly kind: 'stop' }
  /** Asks for its metrics. */
  | { readonly kind: 'report'; readonly n: number }
  /** The answer to `gather`: what all the others have measured. */
  | { readonly kind: 'gathered'; readonly n: number; readonly reports: readonly (readonly MetricReport[])[] }
  /** What does not work at the others. */
  | { readonly kind: 'others_degraded'; readonly names: readonly string[] }
  /** Another has changed the configuration: it is to be read anew. */
  | { readonly kind: 'reload'; readonly n: number }
  /** The answer to `changed`: all who answer have read it. */
  | { readonly kind: 'all_reloaded'; readonly n: number }
  /** Asks that all it has noted be in the database. */
  | { readonly kind: 'sync'; readonly n: number }
  /** The answer to `sync_others`: all who answer have booked what they had noted. */
  | { readonly kind: 'others_synced'; readonly n: number }
  /** The answer to `ask`. */
  | { readonly kind: 'answer'; readonly n: number; readonly reply: unknown }
  /** What another worker tells. */
  | { readonly kind: 'published'; readonly channel: string; readonly message: string };

/** From a worker. */
export type FromWorker =
  /** It listens for messages. */
  | { readonly kind: 'hello' }
  /** It serves. */
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'reported'; readonly n: number; readonly report: readonly MetricReport[] }
  /** Asks for what all have measured, and says what it has measured itself. */
  | { readonly kind: 'gather'; readonly n: number; readonly report: readonly MetricReport[] }
  /** What does not work here. */
  | { readonly kind: 'degraded'; readonly names: readonly string[] }
  /** The configuration was changed here. */
  | { readonly kind: 'changed'; readonly n: number }
  | { readonly kind: 'reloaded'; readonly n: number }
  /** The ledger is about to be read here. */
  | { readonly kind: 'sync_others'; readonly n: number }
  | { readonly kind: 'synced'; readonly n: number }
  /** Has a step done in what all share. */
  | {
      readonly kind: 'ask';
      readonly n: number;
      readonly script: string;
      readonly keys: readonly string[];
      readonly values: readonly string[];
    }
  /** Tells all others. */
  | { readonly kind: 'publish'; readonly channel: string; readonly message: string };
