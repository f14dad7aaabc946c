// The ledger when its thread ends, or finds what it cannot read: nobody waits for ever, and nothing is lost.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { claimSpool, listSpools } from '../../src/ledger/claim.ts';
import { openLedger, type Ledger } from '../../src/ledger/ledger.ts';
import { idsFrom, newId } from '../../src/lib/id.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/storage.ts';
import { eventually } from '../support/await.ts';
import { FakeClock } from '../support/clock.ts';
import { requestRecord } from '../support/records.ts';

const threads: Worker[] = [];
process.on('worker', (worker) => threads.push(worker));

interface Rig {
  readonly ledger: Ledger;
  readonly clock: FakeClock;
  readonly troubles: string[];
  /** Ends the ledger's thread. */
  readonly end: () => Promise<void>;
  readonly hasRequest: (id: string) => Promise<boolean>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `prepare` gets the folder of the spools before the ledger has it. */
async function open(prepare: (root: string) => void = () => {}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-ledger-thread-'));
  const file = join(folder, 'aigateway.db');
  const root = join(folder, 'spool');
  mkdirSync(root);
  prepare(root);
  const storage = await openSqliteStorage(file);
  const clock = new FakeClock();
  const troubles: string[] = [];
  const ledger = await openLedger({
    databaseUrl: `sqlite:${file}`,
    root,
    clock,
    retention: { requestsMs: null, transcriptsMs: null },
    onTrouble: (where, trouble) => troubles.push(trouble === undefined ? `${where}: well` : where),
  });
  const thread = threads.at(-1);
  return {
    ledger,
    clock,
    troubles,
    end: async () => void (await thread?.terminate()),
    hasRequest: async (id) => (await storage.reports.getRequest(id)) !== undefined,
    async [Symbol.asyncDispose]() {
      await ledger.close();
      await storage.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test('who waits for the ledger when its thread ends is answered by the next one', { timeout: 20_000 }, async () => {
  await using rig = await open();
  const { ledger, clock, end, hasRequest } = rig;
  ledger.settle(requestRecord('req_before', 1));
  const ended = end();
  const asked = ledger.sync();
  await ended;
  ledger.settle(requestRecord('req_meanwhile', 1));
  const askedMeanwhile = ledger.sync();
  await clock.advance(1000);
  await Promise.all([asked, askedMeanwhile]);
  assert.ok(await hasRequest('req_before'));
  assert.ok(await hasRequest('req_meanwhile'));
});

test('a ledger whose thread has ended is closed at once', { timeout: 5000 }, async () => {
  const rig = await open();
  await rig.end();
  await rig[Symbol.asyncDispose]();
});

test('a spool that cannot be read keeps nobody else from the database', { timeout: 20_000 }, async () => {
  // Where the lock should be is a folder.
  await using rig = await open((root) => mkdirSync(join(root, 'spool_damaged', 'lock'), { recursive: true }));
  const { ledger, troubles, hasRequest } = rig;
  ledger.settle(requestRecord('req_own', 1));
  await ledger.sync();
  assert.ok(await hasRequest('req_own'));
  await eventually('it is told', () => troubles.includes('left'));
  assert.equal(ledger.status().isDatabaseAway, false);
});

/** What follows the time in the id whose random bytes are all this one, below 10. */
const sixteen = (byte: number): string => String(byte).repeat(16);

/** The next ids have these bytes for their randomness, one each; of the last one are all that follow. */
function foreseeIds(t: TestContext, bytes: readonly number[]): void {
  const inTurn = [0, ...bytes];
  t.mock.method(crypto, 'randomFillSync', (pool: Uint8Array) =>
    pool.forEach((_, at) => (pool[at] = inTurn[Math.min(Math.floor(at / 16), bytes.length)] ?? 0)),
  );
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  // What was drawn before is used up first.
  while (!newId('x', 0).endsWith(sixteen(0)));
}

/** Takes the spool with this name, as a gateway does that starts at the same moment and believes it left behind. */
function takeSpool(t: TestContext, root: string, name: string): void {
  const claim = claimSpool(join(root, name));
  assert.ok(claim);
  t.after(() => claim.release());
}

test(
  'a spool that another gateway has taken is let go, and one of another name is had',
  { timeout: 20_000 },
  async (t) => {
    foreseeIds(t, [0, 1]);
    const prefix = idsFrom('spool', new FakeClock().nowMs());
    const taken = prefix + sixteen(0);
    let root = '';
    await using rig = await open((folder) => {
      root = folder;
      takeSpool(t, folder, taken);
    });
    const { ledger, hasRequest } = rig;
    assert.equal(ledger.spool, prefix + sixteen(1));
    assert.deepEqual(listSpools(root).toSorted(), [taken, ledger.spool]);
    ledger.settle(requestRecord('req_own', 1));
    await ledger.sync();
    assert.ok(await hasRequest('req_own'));
  },
);
