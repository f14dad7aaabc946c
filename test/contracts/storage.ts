// What every storage must do, whatever database is under it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ConflictError,
  StorageError,
  type AccountRow,
  type ClientKeyRow,
  type AuditFilter,
  type AuditRow,
  type PriceRow,
  type ProviderRow,
  type RouteRow,
  type Storage,
} from '../../src/storage/storage.ts';

const provider: ProviderRow = {
  id: 'openai',
  name: 'Ünïcode ✓',
  base_url: 'https://api.openai.com',
  auth_type: 'api_key',
  auth_strategy: 'api_key',
  supported_models: ['gpt-4', 'with \'quotes\' and "more"'],
  is_active: true,
  config: { path_prefix: '/v1', nested: { list: [1, null, true] } },
};

const account: AccountRow = {
  id: 'acc_1',
  provider_id: 'openai',
  label: 'One',
  auth_data: 'agwv1.sealed',
  auth_hint: { api_key: 'sk-…abcd' },
  is_active: false,
  weight: 0.5,
  priority: -2,
  quota_group: null,
  allowed_models: [],
  limits: { rpm: 5 },
  organization: 'org-1',
  project: null,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  last_used_at: null,
};

const route: RouteRow = {
  id: 'rt_1',
  pattern: 'GPT-*',
  provider_id: 'openai',
  model: null,
  fallbacks: [{ provider_id: 'other', on: ['rate_limited'] }],
};

const clientKey: ClientKeyRow = {
  id: 'key_1',
  name: 'Team "A"',
  prefix: 'agw_Ab12Cd',
  key_hash: 'a'.repeat(64),
  previous_key_hash: null,
  previous_until: null,
  models: ['gpt-4*'],
  rpm: 60,
  tpm: null,
  max_concurrency: 5,
  budget_nano_usd: 9_007_199_254_740_991,
  budget_period: 'month',
  budget_time_zone: 'Europe/Berlin',
  limits_mode: 'shadow',
  budget_mode: 'enforce',
  allows_unpriced: true,
  keeps_transcripts: true,
  metadata: { team: 'A' },
  expires_at: '2027-01-01T00:00:00.000Z',
  is_active: true,
  revoked_at: null,
  created_at: '2026-01-01T00:00:00.000Z',
  updated_at: '2026-01-01T00:00:00.000Z',
  last_used_at: null,
};

/** A row that no other row contradicts. */
function clientKeyOf(n: number): ClientKeyRow {
  return { ...clientKey, id: `key_${n}`, key_hash: n.toString(16).padStart(64, '0') };
}

function auditEntry(n: number): Omit<AuditRow, 'id'> {
  return {
    created_at: `2026-01-0${n}T00:00:00.000Z`,
    actor: 'admin_token',
    peer: '127.0.0.1',
    method: 'PATCH',
    path: '/api/v1/accounts/a',
    resource: n % 2 === 0 ? 'accounts' : 'routes',
    resource_id: `id_${n}`,
    before: null,
    after: { n, text: 'ü "quoted"', list: [1, null] },
    request_id: null,
  };
}

const price: PriceRow = {
  id: 'pr_1',
  model: 'GPT-4',
  provider_id: null,
  tier: 'default',
  effective_from: '2026-01-01T00:00:00.000Z',
  input_nano_usd: 30_000_000_000,
  cached_input_nano_usd: null,
  cache_write_nano_usd: 0,
  output_nano_usd: Number.MAX_SAFE_INTEGER,
  audio_input_nano_usd: null,
  audio_output_nano_usd: null,
  long_over_tokens: 272_000,
  long_input_nano_usd: 1,
  long_cached_input_nano_usd: null,
  long_cache_write_nano_usd: null,
  long_output_nano_usd: null,
  long_audio_input_nano_usd: null,
  long_audio_output_nano_usd: null,
  note: 'Ünïcode ✓',
  created_at: '2026-01-01T00:00:00.000Z',
};

/** Runs the suite; `open` gives a new, empty storage. `skip` is why it cannot run here. */
export function storageContract(name: string, open: () => Promise<Storage>, skip: string | false = false): void {
  const withStorage = (run: (storage: Storage) => Promise<void>) => async (): Promise<void> => {
    const storage = await open();
    try {
      await run(storage);
    } finally {
      await storage.close();
    }
  };

  describe(`storage contract: ${name}`, { skip }, () => {
    it(
      'rows come back as they went in',
      withStorage(async (storage) => {
        await storage.providers.insert(provider);
        await storage.accounts.insert(account);
        await storage.routes.insert(route);
        await storage.prices.insert(price);
        assert.deepEqual({ ...(await storage.prices.get('pr_1')) }, price);
        assert.deepEqual({ ...(await storage.providers.get('openai')) }, provider);
        assert.deepEqual({ ...(await storage.accounts.get('acc_1')) }, account);
        assert.deepEqual({ ...(await storage.routes.get('rt_1')) }, route);
        const rows = await storage.readConfiguration();
        assert.deepEqual(
          [rows.providers, rows.accounts, rows.routes, rows.prices].map((list) => list.map((row) => ({ ...row }))),
          [[provider], [account], [route], [price]],
        );
        assert.deepEqual(rows.problems, []);
      }),
    );

    it(
      'an update changes what it names, and tells whether the row was there',
      withStorage(async (storage) => {
        await storage.accounts.insert(account);
        assert.equal(await storage.accounts.update('acc_1', { label: 'Two', quota_group: 'g' }), true);
        assert.equal(await storage.accounts.update('acc_1', { organization: null, is_active: true }), true);
        assert.deepEqual(
          { ...(await storage.accounts.get('acc_1')) },
          { ...account, label: 'Two', quota_group: 'g', organization: null, is_active: true },
        );
        assert.equal(await storage.accounts.update('acc_1', {}), true);
        assert.equal(await storage.accounts.update('nobody', { label: 'x' }), false);
        assert.equal(await storage.accounts.update('nobody', {}), false);
      }),
    );

    it(
      'a removed row is gone, and removing tells whether it was there',
      withStorage(async (storage) => {
        await storage.routes.insert(route);
        assert.equal(await storage.routes.remove('rt_1'), true);
        assert.equal(await storage.routes.remove('rt_1'), false);
        assert.equal(await storage.routes.get('rt_1'), undefined);
      }),
    );

    it(
      'a taken id or pattern is a conflict, and changes nothing',
      withStorage(async (storage) => {
        await storage.providers.insert(provider);
        await assert.rejects(storage.providers.insert({ ...provider, name: 'Other' }), ConflictError);
        assert.equal((await storage.providers.get('openai'))?.name, provider.name);
        await storage.routes.insert(route);
        await storage.routes.insert({ ...route, id: 'rt_2', pattern: 'other' });
        await assert.rejects(storage.routes.insert({ ...route, id: 'rt_3', pattern: 'gpt-*' }), ConflictError);
        await assert.rejects(storage.routes.update('rt_2', { pattern: 'Gpt-*' }), ConflictError);
        assert.equal((await storage.routes.list(10)).length, 2);
      }),
    );

    it(
      'one price at a time for a model, provider and tier',
      withStorage(async (storage) => {
        await storage.prices.insert(price);
        const same = { ...price, id: 'pr_2', model: 'gpt-4' };
        await assert.rejects(storage.prices.insert(same), ConflictError);
        await storage.prices.insert({ ...same, provider_id: 'openai' });
        await assert.rejects(storage.prices.insert({ ...same, id: 'pr_3', provider_id: 'openai' }), ConflictError);
        await storage.prices.insert({ ...same, id: 'pr_4', tier: 'flex' });
        await storage.prices.insert({ ...same, id: 'pr_5', effective_from: '2026-01-02T00:00:00.000Z' });
        await assert.rejects(storage.prices.update('pr_5', { effective_from: price.effective_from }), ConflictError);
      }),
    );

    it(
      'lists are in order of id and go on after one',
      withStorage(async (storage) => {
        for (const id of ['c', 'a', 'e', 'B', 'd']) await storage.accounts.insert({ ...account, id });
        const ids = async (limit: number, after?: string): Promise<string[]> =>
          (await storage.accounts.list(limit, after)).map((row) => row.id);
        assert.deepEqual(await ids(10), ['B', 'a', 'c', 'd', 'e']);
        assert.deepEqual(await ids(2), ['B', 'a']);
        assert.deepEqual(await ids(2, 'a'), ['c', 'd']);
        assert.deepEqual(await ids(2, 'b'), ['c', 'd']);
        assert.deepEqual(await ids(2, 'e'), []);
      }),
    );

    it(
      'every change of the configuration raises the revision, noting a use does not',
      withStorage(async (storage) => {
        const changes: [name: string, change: () => Promise<unknown>][] = [
          ['insert provider', () => storage.providers.insert(provider)],
          ['update provider', () => storage.providers.update('openai', { is_active: false })],
          ['insert account', () => storage.accounts.insert(account)],
          ['update account', () => storage.accounts.update('acc_1', { weight: 3 })],
          ['insert route', () => storage.routes.insert(route)],
          ['update route', () => storage.routes.update('rt_1', { model: 'x' })],
          ['remove route', () => storage.routes.remove('rt_1')],
          ['insert price', () => storage.prices.insert(price)],
          ['update price', () => storage.prices.update('pr_1', { note: null })],
          ['remove price', () => storage.prices.remove('pr_1')],
          ['remove provider', () => storage.providers.remove('openai')],
        ];
        for (const [what, change] of changes) {
          const before = await storage.revision();
          await change();
          const after = await storage.revision();
          assert.ok(after > before, what);
          assert.equal((await storage.readConfiguration()).revision, after);
        }
        const before = await storage.revision();
        const usedAt = '2026-02-03T04:05:06.789Z';
        await storage.noteUse(
          new Map([
            ['acc_1', usedAt],
            ['nobody', usedAt],
          ]),
        );
        assert.equal((await storage.accounts.get('acc_1'))?.last_used_at, usedAt);
        assert.equal(await storage.revision(), before);
        await storage.accounts.remove('acc_1');
        assert.ok((await storage.revision()) > before);
      }),
    );

    it(
      'client keys are a resource like the others; two with one hash are a conflict',
      withStorage(async ({ clientKeys }) => {
        await clientKeys.insert(clientKey);
        assert.deepEqual({ ...(await clientKeys.get('key_1')) }, clientKey);
        await assert.rejects(clientKeys.insert({ ...clientKey, id: 'key_2' }), ConflictError);
        assert.equal(await clientKeys.update('key_1', { is_active: false, rpm: null, models: [] }), true);
        assert.deepEqual(
          (await clientKeys.list(10)).map((row) => ({ ...row })),
          [{ ...clientKey, is_active: false, rpm: null, models: [] }],
        );
        assert.equal(await clientKeys.remove('key_1'), true);
        assert.equal(await clientKeys.remove('key_1'), false);
      }),
    );

    it(
      'of the client keys one can read what changed since a revision: each key once, by its last change',
      withStorage(async ({ clientKeys }) => {
        let revision = 0;
        const changed = async (): Promise<string[]> => {
          const changes = await clientKeys.changesAfter(revision, 100);
          revision = changes.at(-1)?.revision ?? revision;
          return changes.map(({ id, row, problem }) => {
            assert.equal(problem, undefined);
            return row === undefined ? `${id} gone` : `${id} ${row.name}`;
          });
        };
        assert.deepEqual(await changed(), []);
        for (const n of [1, 2, 3]) await clientKeys.insert({ ...clientKeyOf(n), name: `Key ${n}` });
        assert.deepEqual(await changed(), ['key_1 Key 1', 'key_2 Key 2', 'key_3 Key 3']);
        assert.deepEqual(await changed(), []);
        await clientKeys.update('key_2', { name: 'New' });
        await clientKeys.update('key_1', { name: 'Newer' });
        await clientKeys.update('key_2', { name: 'Newest' });
        await clientKeys.remove('key_3');
        assert.deepEqual(await changed(), ['key_1 Newer', 'key_2 Newest', 'key_3 gone']);
        await clientKeys.insert({ ...clientKeyOf(3), name: 'Back' });
        await clientKeys.remove('key_1');
        assert.deepEqual(await changed(), ['key_3 Back', 'key_1 gone']);
        await clientKeys.noteUse(new Map([['key_2', '2026-02-03T04:05:06.789Z']]));
        assert.equal((await clientKeys.get('key_2'))?.last_used_at, '2026-02-03T04:05:06.789Z');
        await clientKeys.noteUse(
          new Map(Array.from({ length: 1200 }, (_, n) => [`key_${n}`, new Date(Date.UTC(2026, 2) + n).toISOString()])),
        );
        assert.equal((await clientKeys.get('key_3'))?.last_used_at, '2026-03-01T00:00:00.003Z');
        assert.deepEqual(await changed(), [], 'a use is no change');
        revision = 0;
        assert.deepEqual(await changed(), ['key_2 Newest', 'key_3 Back', 'key_1 gone']);
        assert.deepEqual(
          (await clientKeys.changesAfter(0, 2)).map(({ id }) => id),
          ['key_2', 'key_3'],
        );
      }),
    );

    it(
      'every column of a client key that says what it may do counts as a change',
      withStorage(async ({ clientKeys }) => {
        await clientKeys.insert(clientKey);
        const changes: Partial<ClientKeyRow>[] = [
          { name: 'Other' },
          { key_hash: 'b'.repeat(64) },
          { previous_key_hash: 'c'.repeat(64) },
          { previous_until: '2026-03-01T00:00:00.000Z' },
          { models: [] },
          { rpm: 1 },
          { tpm: 1 },
          { max_concurrency: 1 },
          { budget_nano_usd: 0 },
          { budget_period: 'day' },
          { budget_time_zone: 'UTC' },
          { limits_mode: 'enforce' },
          { budget_mode: 'shadow' },
          { allows_unpriced: false },
          { keeps_transcripts: false },
          { expires_at: null },
          { is_active: false },
          { revoked_at: '2026-03-01T00:00:00.000Z' },
        ];
        for (const change of changes) {
          const [before] = await clientKeys.changesAfter(0, 10);
          await clientKeys.update('key_1', change);
          const [after] = await clientKeys.changesAfter(before?.revision ?? 0, 10);
          assert.ok(after, Object.keys(change).join());
        }
      }),
    );

    it(
      'the first note of a name is kept, also when several come at once',
      withStorage(async (storage) => {
        assert.equal(await storage.readNote('proof'), undefined);
        const kept = await Promise.all(['a', 'b', 'c'].map((text) => storage.keepNote('proof', text)));
        assert.equal(new Set(kept).size, 1);
        assert.equal(await storage.keepNote('proof', 'd'), kept[0]);
        assert.equal(await storage.readNote('proof'), kept[0]);
        assert.equal(await storage.keepNote('other', 'x'), 'x');
      }),
    );

    it(
      'a hundred changes at once all arrive',
      withStorage(async (storage) => {
        const ids = Array.from({ length: 100 }, (_, n) => `acc_${String(n).padStart(3, '0')}`);
        await Promise.all([
          ...ids.map((id) => storage.accounts.insert({ ...account, id })),
          ...Array.from({ length: 20 }, () => storage.readConfiguration()),
          storage.noteUse(new Map([['acc_000', '2026-01-01T00:00:00.000Z']])),
        ]);
        assert.deepEqual(
          (await storage.accounts.list(1000)).map((row) => row.id),
          ids,
        );
      }),
    );

    it(
      'a transaction is done as a whole or not at all, and the others wait for it',
      withStorage(async (storage) => {
        const before = await storage.revision();
        await assert.rejects(
          storage.transaction(async () => {
            await storage.accounts.insert(account);
            assert.equal((await storage.accounts.list(10)).length, 1, 'its own work sees it');
            assert.equal((await storage.readConfiguration()).accounts.length, 1, 'a transaction within it, too');
            throw new RangeError('no');
          }),
          RangeError,
        );
        assert.deepEqual([await storage.accounts.list(10), await storage.revision()], [[], before]);

        const count = async (): Promise<number> => (await storage.accounts.list(10)).length;
        const begun = Promise.withResolvers<void>();
        const [, looked, read, written] = await Promise.all([
          storage.transaction(async () => {
            await storage.accounts.insert(account);
            begun.resolve();
            await storage.accounts.insert({ ...account, id: 'acc_2' });
          }),
          begun.promise.then(count),
          begun.promise.then(() => storage.readConfiguration()),
          begun.promise.then(() => storage.transaction(count)),
        ]);
        // Who only reads may see what was before; nobody sees a part of it.
        for (const seen of [looked, read.accounts.length]) assert.ok(seen === 0 || seen === 2, `${seen} seen`);
        assert.equal(written, 2, 'a second transaction comes after the first');
      }),
    );

    it(
      'a transaction within another belongs to it: what fails within it makes the whole fail',
      withStorage(async (storage) => {
        const failing = storage.transaction(async () => {
          await storage.accounts.insert(account);
          await storage
            .transaction(async () => {
              await storage.accounts.insert({ ...account, id: 'acc_2' });
              throw new RangeError('no');
            })
            .catch(() => undefined);
        });
        await assert.rejects(failing, RangeError);
        assert.deepEqual(await storage.accounts.list(10), []);
        const answer = await storage.transaction(() =>
          storage.transaction(async () => {
            await storage.accounts.insert(account);
            return 'done';
          }),
        );
        assert.equal(answer, 'done');
        assert.equal((await storage.accounts.list(10)).length, 1);
      }),
    );

    it(
      'work that outlives its transaction is no part of it any more',
      withStorage(async (storage) => {
        let goOn = (): void => {};
        const wait = new Promise<void>((resolve) => (goOn = resolve));
        let late: Promise<void> | undefined;
        await storage.transaction(async () => {
          late = wait.then(() => storage.accounts.insert(account));
        });
        const failing = storage.transaction(async () => {
          goOn();
          await storage.accounts.list(10);
          throw new RangeError('no');
        });
        await assert.rejects(failing, RangeError);
        await late;
        assert.equal((await storage.accounts.list(10)).length, 1);
      }),
    );

    it(
      'the audit log keeps its entries in order, newest first, and finds them by resource and time',
      withStorage(async (storage) => {
        for (const n of [1, 2, 3, 4, 5]) await storage.audit.add(auditEntry(n));
        const found = async (filter: AuditFilter, limit = 10, before?: number): Promise<number[]> =>
          (await storage.audit.list(filter, limit, before)).map((row) => Number(row.after?.['n']));
        assert.deepEqual(await found({}), [5, 4, 3, 2, 1]);
        const [newest, second] = await storage.audit.list({}, 2);
        assert.deepEqual({ ...newest }, { ...auditEntry(5), id: newest?.id });
        assert.deepEqual(await found({}, 2, second?.id), [3, 2]);
        assert.deepEqual(await found({ resource: 'accounts' }), [4, 2]);
        assert.deepEqual(await found({ resource: 'accounts', resourceId: 'id_2' }), [2]);
        assert.deepEqual(await found({ resource: 'nothing' }), []);
        assert.deepEqual(await found({ from: '2026-01-02T00:00:00.000Z', to: '2026-01-04T00:00:00.000Z' }), [3, 2]);
        await storage.flush();
      }),
    );

    it(
      'entries and notes go together, or not at all where a note has been moved on',
      withStorage(async (storage) => {
        await storage.writeNote('told', '1');
        const entries = Array.from({ length: 1200 }, (_, n) => ({ ...auditEntry(1), request_id: String(n) }));
        assert.equal(await storage.audit.addAll(entries, [{ name: 'told', before: '1', after: '2' }]), true);
        assert.equal((await storage.audit.list({}, 5000)).length, 1200);
        assert.equal((await storage.audit.list({}, 1))[0]?.request_id, '1199');
        assert.equal(await storage.audit.addAll(entries, [{ name: 'told', before: '1', after: '3' }]), false);
        assert.equal(await storage.readNote('told'), '2');
        assert.equal((await storage.audit.list({}, 5000)).length, 1200);
        const failing = storage.transaction(async () => {
          await storage.audit.addAll(entries.slice(0, 1), [{ name: 'told', before: '2', after: '3' }]);
          throw new RangeError('no');
        });
        await assert.rejects(failing, RangeError);
        assert.equal(await storage.readNote('told'), '2');
      }),
    );

    it('after it is closed every call is a StorageError, and closing again is none', async () => {
      const storage = await open();
      await storage.close();
      await storage.close();
      await assert.rejects(storage.revision(), StorageError);
      await assert.rejects(storage.readConfiguration(), StorageError);
      await assert.rejects(storage.accounts.insert(account), StorageError);
    });
  });
}
