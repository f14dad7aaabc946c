// Both databases under the contract of the ledger's reports.
import { postgresGround, sqliteGround } from '../support/ledger-databases.ts';
import { withoutPostgres } from '../support/postgres.ts';
import { ledgerReportsContract } from './ledger-reports.ts';

ledgerReportsContract('sqlite', sqliteGround, { runs: 60, areAtOnce: false });
ledgerReportsContract('postgres', postgresGround, { runs: 20, areAtOnce: true, skip: withoutPostgres });
