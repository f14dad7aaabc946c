// The migrations of PostgreSQL, oldest first. A landed one is never changed: add the next.
import * as configuration from './0001-configuration.ts';
import * as ledger from './0002-ledger.ts';
import * as prices from './0003-prices.ts';
import * as clientKeys from './0004-client-keys.ts';
import * as audit from './0005-audit.ts';
import * as usageFolds from './0007-usage-folds.ts';
import * as reservations from './0008-reservations.ts';
import * as transcripts from './0009-transcripts.ts';
import * as gatewaySpending from './0010-gateway-spending.ts';
import * as requestLists from './0011-request-lists.ts';
import * as foldKindsByTime from './0012-fold-kinds-by-time.ts';

/** One step of the schema. */
export interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
  /**
   * The name of a migration that a program must know to work on the schema after this one. A step that only adds says
   * nothing: the version before works on. A step that takes away names the one with which programs stopped needing it.
   */
  readonly needed?: string;
}

export const migrations: readonly Migration[] = [
  configuration,
  ledger,
  prices,
  clientKeys,
  audit,
  usageFolds,
  reservations,
  transcripts,
  gatewaySpending,
  requestLists,
  foldKindsByTime,
];
