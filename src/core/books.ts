// The books of a provider, its own record of usage and costs, and our sums that they are compared with. Days are UTC days.
import type { NanoUsd } from './price.ts';

/** What the provider counted for one model on one day. */
export interface BookedUsage {
  /** The day's beginning, ms since the epoch. */
  readonly dayMs: number;
  /** As the provider names it: mostly a dated snapshot. */
  readonly model: string;
  readonly requests: number;
  /** All of the prompt, cached tokens included. */
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** One position of the provider's bill for one day. */
export interface BookedCost {
  readonly dayMs: number;
  /** The model that the position is about, or the position's own name where it is about none. */
  readonly model: string;
  readonly nanoUsd: NanoUsd;
}

/** A page of the books. */
export interface BooksPage {
  readonly usage: readonly BookedUsage[];
  readonly costs: readonly BookedCost[];
  /** Null on the last. */
  readonly nextPage: string | null;
}

/** One list in the books: which days, and page by page. */
export interface BooksList {
  readonly name: string;
  /** What is asked, below the provider's base path; `toMs` is not included. */
  path(fromMs: number, toMs: number, page: string | null): string;
  /** What an answer's JSON says; undefined where it is no such list. */
  read(body: unknown): BooksPage | undefined;
}

/** A vendor's books. */
export interface Books {
  /** What the keys begin with that read them; empty where any text may be one. */
  readonly adminKeyPrefixes: readonly string[];
  readonly lists: readonly BooksList[];
  /** The name under which a model's price may stand, for names that only the books have. */
  readonly plainName: (model: string) => string;
}

/** What our ledger has of one model, as it was sent to the provider, on one account and one day. Counts are of attempts, by their start. */
export interface OurSums {
  readonly dayMs: number;
  readonly accountId: string;
  readonly providerId: string;
  readonly model: string;
  /** Those whose tokens are on record. */
  readonly requests: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** As far as it is known. */
  readonly nanoUsd: NanoUsd;
  /** With tokens, without a price. */
  readonly unpriced: number;
  /** Whose tokens were counted by us, because the answer was cut. */
  readonly estimated: number;
  /** Whose end was never heard of. */
  readonly unknownEnd: number;
  /** Answered, without a word about tokens. */
  readonly withoutUsage: number;
  /** Sent, and failed without an answer. */
  readonly unanswered: number;
  /** Begun on this day and over on the next, with their tokens. */
  readonly overMidnight: number;
  readonly overMidnightInput: number;
  readonly overMidnightOutput: number;
}
