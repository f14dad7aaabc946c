// What every database must do with transcripts: keep those of keys that say so, and delete what shall go.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { idsFrom } from '../../src/lib/id.ts';
import type { ClientKeyRow } from '../../src/storage/storage.ts';
import type { TranscriptRow } from '../../src/storage/transcripts.ts';
import type { LedgerDatabase } from '../support/ledger-databases.ts';

const startMs = Date.UTC(2026, 4, 1);
const hourMs = 3_600_000;

function transcript(n: number, change: Partial<TranscriptRow> = {}): TranscriptRow {
  const createdAtMs = startMs + n * hourMs;
  return {
    request_id: `${idsFrom('req', createdAtMs)}${String(n).padStart(4, '0')}`,
    key_id: 'key_on',
    created_at_ms: createdAtMs,
    request_text: `{"question": "größe ✓ ${n}"}`,
    is_request_cut: false,
    answer_text: `answer ${n}`,
    is_answer_cut: true,
    ...change,
  };
}

async function addKey({ storage }: LedgerDatabase, id: string, keeps: boolean): Promise<void> {
  const time = new Date(startMs).toISOString();
  const row: ClientKeyRow = {
    id,
    name: id,
    prefix: 'agw_',
    key_hash: Buffer.from(id.padEnd(32)).toString('hex'),
    previous_key_hash: null,
    previous_until: null,
    models: [],
    rpm: null,
    tpm: null,
    max_concurrency: null,
    budget_nano_usd: null,
    budget_period: 'none',
    budget_time_zone: 'UTC',
    limits_mode: 'enforce',
    budget_mode: 'enforce',
    allows_unpriced: false,
    keeps_transcripts: keeps,
    metadata: {},
    expires_at: null,
    is_active: true,
    revoked_at: null,
    created_at: time,
    updated_at: time,
    last_used_at: null,
  };
  await storage.clientKeys.insert(row);
}

/** Runs the suite; `open` gives a new, empty database. `skip` is why it cannot run here. */
export function transcriptContract(
  name: string,
  open: () => Promise<LedgerDatabase>,
  skip: string | false = false,
): void {
  const withDatabase = (run: (database: LedgerDatabase) => Promise<void>) => async (): Promise<void> => {
    const database = await open();
    try {
      await addKey(database, 'key_on', true);
      await addKey(database, 'key_off', false);
      await run(database);
    } finally {
      await database.close();
    }
  };
  const count = async (database: LedgerDatabase): Promise<number> =>
    Number((await database.query('SELECT count(*) AS n FROM transcripts'))[0]?.['n']);

  describe(`transcript contract: ${name}`, { skip }, () => {
    it(
      'those of keys that say so come out as they went in; the others are not written',
      withDatabase(async (database) => {
        const { ledger, storage } = database;
        const kept = [transcript(1), transcript(2, { answer_text: null, is_request_cut: true, is_answer_cut: false })];
        await ledger.keepTranscripts([
          ...kept,
          transcript(3, { key_id: 'key_off' }),
          transcript(4, { key_id: 'key_gone' }),
        ]);
        await ledger.keepTranscripts(kept);
        for (const row of kept) assert.deepEqual({ ...(await storage.transcripts.get(row.request_id)) }, row);
        assert.equal(await count(database), 2);
        await storage.clientKeys.update('key_on', { keeps_transcripts: false });
        await ledger.keepTranscripts([transcript(5)]);
        assert.equal(await count(database), 2);
        assert.equal(await storage.transcripts.get('req_none'), undefined);
      }),
    );

    it(
      'one is deleted alone, and those of a key in bites until none is left',
      withDatabase(async (database) => {
        const { ledger, storage } = database;
        await addKey(database, 'key_other', true);
        const rows = Array.from({ length: 120 }, (_, n) => transcript(n, { key_id: n < 110 ? 'key_on' : 'key_other' }));
        await ledger.keepTranscripts(rows);
        const id = rows[0]?.request_id ?? '';
        assert.deepEqual([await storage.transcripts.remove(id), await storage.transcripts.remove(id)], [true, false]);
        const bites: number[] = [];
        do bites.push(await storage.transcripts.removeSome('key_on'));
        while (bites.at(-1) !== 0);
        assert.deepEqual(bites, [50, 50, 9, 0]);
        assert.equal(await count(database), 10);
      }),
    );

    it(
      'the old ones go, whatever becomes of the requests; null keeps them',
      withDatabase(async (database) => {
        await database.ledger.keepTranscripts(Array.from({ length: 120 }, (_, n) => transcript(n)));
        const nowMs = startMs + 120 * hourMs;
        for (const [keepMs, left] of [
          [null, 120],
          [20 * hourMs, 20],
        ] as const) {
          const maintenance = await database.openMaintenance(null, keepMs);
          for (let n = 0; n < 100; n += 1) await maintenance.step(nowMs);
          await maintenance.close();
          assert.equal(await count(database), left);
        }
      }),
    );
  });
}
