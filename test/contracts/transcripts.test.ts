// Both databases under the contract of transcripts.
import { postgresGround, sqliteGround } from '../support/ledger-databases.ts';
import { withoutPostgres } from '../support/postgres.ts';
import { transcriptContract } from './transcripts.ts';

transcriptContract('sqlite', sqliteGround);
transcriptContract('postgres', postgresGround, withoutPostgres);
