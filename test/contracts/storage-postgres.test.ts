// PostgreSQL under the storage contract.
import { openPostgresStorage } from '../../src/storage/postgres/storage.ts';
import { sharedPostgres, withoutPostgres } from '../support/postgres.ts';
import { storageContract } from './storage.ts';

storageContract(
  'postgres',
  async () => openPostgresStorage(await (await sharedPostgres()).createDatabase()),
  withoutPostgres,
);
