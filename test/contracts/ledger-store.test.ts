// Both databases under the contract of the ledger's writing side.
import { postgresGround, sqliteGround } from '../support/ledger-databases.ts';
import { withoutPostgres } from '../support/postgres.ts';
import { ledgerStoreContract } from './ledger-store.ts';

ledgerStoreContract('sqlite', sqliteGround);
ledgerStoreContract('postgres', postgresGround, withoutPostgres);
