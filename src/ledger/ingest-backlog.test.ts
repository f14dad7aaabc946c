// What has gathered while the database was away comes into it in transactions of a bounded size.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { requestRecord } from '../../test/support/records.ts';
import type { LedgerBatch, LedgerStore } from '../storage/ledger-store.ts';
import { Ingest } from './ingest.ts';
import { Spool } from './spool.ts';

test('a transaction takes a few thousand of the requests that wait, however many they are', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-backlog-'));
  const clock = new FakeClock();
  const spool = new Spool(folder, clock, () => {});
  const waiting = 7000;
  for (let i = 0; i < waiting; i += 1) spool.settle(requestRecord(`r${i}`, 1));
  spool.flush();
  const sizes: number[] = [];
  const store: Pick<LedgerStore, 'position' | 'append'> = {
    position: async () => ({ segment: 0, offsetBytes: 0 }),
    async append({ entries, more }: LedgerBatch) {
      let size = entries.length;
      for (let next = more?.(); next !== undefined; next = more?.()) size += next.entries.length;
      sizes.push(size);
    },
  };
  const ingest = await Ingest.begin(folder, 's', store as LedgerStore, clock);
  while (await ingest.step());
  ingest.close();
  spool.close();
  rmSync(folder, { recursive: true });
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    waiting,
  );
  assert.ok(Math.max(...sizes) < 3000, sizes.join());
});
