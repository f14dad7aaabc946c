// The configuration in force: an immutable picture of providers, accounts and routes, replaced as a whole.
import type { Account } from './account.ts';
import type { PriceBook } from './price.ts';
import type { Provider } from './provider.ts';
import type { Route } from './route.ts';

/** What the data plane works by. A running request keeps the one it began with. */
export interface Configuration {
  /** Counts the changes in the database. */
  readonly revision: number;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly accounts: readonly Account[];
  /** Longest pattern first. */
  readonly routes: readonly Route[];
  readonly prices: PriceBook;
  /** Rows that could not be understood and were left out: one sentence each, without secrets. */
  readonly problems: readonly string[];
}
