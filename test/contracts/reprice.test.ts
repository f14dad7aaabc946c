// Both databases under the reprice contract.
import { postgresGround, sqliteGround } from '../support/ledger-databases.ts';
import { withoutPostgres } from '../support/postgres.ts';
import { repriceContract } from './reprice.ts';

repriceContract('sqlite', sqliteGround);
repriceContract('postgres', postgresGround, withoutPostgres);
