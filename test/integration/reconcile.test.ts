// Our ledger beside the fake OpenAI's books: equal after honest traffic, and every planted difference named.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { BooksScript, MockScript } from '../../src/mock/script.ts';
import { openLedgerStore } from '../../src/storage/open-ledger-store.ts';
import { eventually } from '../support/await.ts';
import { ledgerEntry, type EntryChange } from '../support/ledger.ts';
import { runOutside } from '../support/outside-sql.ts';
import { chat, startRig, testKey, type Rig, type RigOptions } from '../support/rig.ts';
import { ledgerUrlOf } from '../support/test-database.ts';

const adminKey = 'sk-admin-canary-0123456789';
const dayMs = 86_400_000;
const now = Math.floor(Date.now() / 1000);
const today = new Date().toISOString().slice(0, 10);

interface Side {
  requests: number;
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  cost_usd: string | null;
}

interface Line {
  day: string;
  model: string;
  ours: Side;
  theirs: Side;
  difference: Side;
  reasons: { code: string; count: number; message: string }[];
}

interface Answer {
  from: string;
  to: string;
  books: {
    key_holder: string | null;
    account_ids: string[];
    lines: Line[];
    differing_lines: number;
    total: { ours: Side };
  }[];
  not_compared: { account_id: string; calls: number }[];
}

async function withAdminKey(rig: Rig): Promise<void> {
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { auth_data: { admin_key: adminKey } });
}

/** The environment without settings of a gateway that the shell, or another test, has put there. */
function withoutSettings(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AIGATEWAY_')));
}

/** How many requests a gateway has got. */
const sent = new WeakMap<Rig, number>();

/** Reads an answer to its end, however that comes. */
async function use(rig: Rig, path: string, body: unknown): Promise<number> {
  sent.set(rig, (sent.get(rig) ?? 0) + 1);
  const response = await rig.post(path, body);
  await response.text().catch(() => '');
  return response.status;
}

async function reconcile(rig: Rig, body: object = {}): Promise<Answer> {
  await eventually('all upstream answers are over', () => rig.mock.journal().entries.every(({ open }) => !open));
  // A cut answer is counted after its client has gone.
  await eventually('all requests are on record', async () => {
    const { data } = await rig.manage<{ data: { duration_ms: number | null }[] }>('GET', '/requests?limit=1000');
    return data.filter(({ duration_ms: duration }) => duration !== null).length >= (sent.get(rig) ?? 0);
  });
  return rig.manage<Answer>('POST', '/reconcile', { from: today, ...body });
}

async function linesOf(rig: Rig): Promise<Line[]> {
  return (await reconcile(rig)).books[0]?.lines ?? [];
}

/** Puts rows into the ledger as another time would have left them there. */
async function plant(rig: Rig, rows: readonly (readonly [atMs: number, change: EntryChange])[]): Promise<void> {
  const store = await openLedgerStore(ledgerUrlOf(rig.database));
  const entries = rows.map(([atMs, change]) => ledgerEntry(atMs, change));
  await store.append({ spool: 'planted', position: { segment: 0, offsetBytes: 1 }, entries });
  await store.close();
}

const settled = (line: Line): string[] => line.reasons.map(({ code }) => code).filter((code) => code !== 'still_open');

test('after mixed traffic nothing differs, for any model', async () => {
  const script: MockScript = {
    models: { 'gpt-4.1': { usage: { prompt_tokens: 3000, prompt_tokens_details: { cached_tokens: 2048 } } } },
  };
  await using rig = await startRig({ script, keys: [testKey, 'sk-test-key-000000000002'] });
  await withAdminKey(rig);
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { organization: 'org-1' });
  await rig.manage('PATCH', `/accounts/${rig.accounts[1]}`, { organization: 'org-1' });
  const chats = '/v1/chat/completions';
  for (const model of ['gpt-4o', 'gpt-4o-2024-08-06', 'gpt-4o-mini', 'gpt-4.1', 'gpt-3.5-turbo', 'gpt-4']) {
    for (const stream of [false, true]) assert.equal(await use(rig, chats, chat(model, { stream })), 200);
  }
  for (const model of ['gpt-3.5-turbo-instruct', 'davinci-002'])
    assert.equal(await use(rig, '/v1/completions', { model, prompt: 'one two three' }), 200);
  for (const model of ['text-embedding-3-small', 'text-embedding-ada-002'])
    assert.equal(await use(rig, '/v1/embeddings', { model, input: ['one', 'two three'] }), 200);
  // Refusals cost nothing on either side.
  assert.equal(await use(rig, chats, chat('gpt-4o', { messages: [] })), 400);
  assert.equal(await use(rig, chats, chat('gpt-fault-500')), 500);
  // The second account serves where the first is refused.
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { is_active: false });
  assert.equal(await use(rig, chats, chat('gpt-4o')), 200);

  const { books, not_compared: left } = await reconcile(rig);
  assert.equal(books.length, 1);
  const [{ lines, differing_lines: differing, account_ids: ids, key_holder: holder } = assert.fail()] = books;
  assert.deepEqual([differing, left, holder, ids.toSorted()], [0, [], rig.accounts[0], rig.accounts.toSorted()]);
  const models = [
    'davinci-002',
    'gpt-3.5-turbo',
    'gpt-3.5-turbo-instruct',
    'gpt-4',
    'gpt-4.1',
    'gpt-4o',
    'gpt-4o-mini',
  ];
  assert.deepEqual(
    lines.map(({ model }) => model),
    [...models, 'text-embedding-3-small', 'text-embedding-ada-002'],
  );
  for (const line of lines) {
    assert.deepEqual(line.ours, line.theirs, line.model);
    assert.deepEqual([line.reasons, line.ours.requests > 0, line.ours.cost_usd !== null], [[], true, true], line.model);
  }
  const gpt4o = lines.find(({ model }) => model === 'gpt-4o');
  assert.equal(gpt4o?.ours.requests, 5, 'alias and snapshot are one family');
  assert.equal(lines.find(({ model }) => model === 'gpt-4.1')?.ours.cached_tokens, 4096);
});

/** What is planted in which way, and the reason that must be named first. */
const plantings: readonly {
  readonly name: string;
  readonly script?: MockScript;
  readonly settings?: RigOptions['settings'];
  readonly plant: (rig: Rig) => Promise<void>;
  readonly model?: string;
  readonly reasons: readonly string[];
}[] = [
  {
    name: 'calls made around the gateway',
    async plant(rig) {
      for (let n = 0; n < 3; n += 1)
        await fetch(`${rig.mock.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
          body: JSON.stringify(chat('gpt-4o')),
        }).then((response) => response.text());
    },
    reasons: ['not_through_gateway'],
  },
  {
    name: 'a cut stream that is billed in full',
    script: {
      models: { 'gpt-4o': { chunks: 50, fault: { fault: 'reset-mid-stream', first: 1 } } },
      books: { cut_streams: 'whole' },
    },
    plant: async (rig) => void (await use(rig, '/v1/chat/completions', chat('gpt-4o', { stream: true }))),
    reasons: ['estimated'],
  },
  {
    name: 'rows that are missing in their books',
    script: { books: { missing_models: ['gpt-4o'] } },
    plant: async () => {},
    reasons: ['not_in_their_books', 'cost_not_booked'],
  },
  {
    name: 'another price than ours',
    script: { books: { prices: { 'gpt-4o': { input: 3, output: 12 } } } },
    plant: async () => {},
    reasons: ['price_differs'],
  },
  {
    name: 'a price that was changed after the calls',
    plant: (rig) =>
      rig.manage('POST', '/prices', {
        model: 'gpt-4o',
        input: '5',
        output: '20',
        effective_from: '2026-01-01',
      }),
    script: { books: { prices: { 'gpt-4o': { input: 5, output: 20 } } } },
    reasons: ['price_changed'],
  },
  {
    name: 'a model without a price',
    script: { books: { prices: { 'gpt-4-nobody-knows': { input: 1, output: 1 } } } },
    plant: async (rig) => void (await use(rig, '/v1/chat/completions', chat('gpt-4-nobody-knows'))),
    model: 'gpt-4-nobody-knows',
    reasons: ['unpriced'],
  },
  {
    name: 'an answer without its usage, which the gateway counts by itself',
    script: { models: { 'gpt-4o': { fault: { fault: 'usage-missing', after: 1 } } } },
    plant: async (rig) => void (await use(rig, '/v1/chat/completions', chat('gpt-4o'))),
    reasons: [],
  },
  {
    name: 'an attempt whose end was never heard of',
    script: {
      books: { calls: [{ at: now, model: 'gpt-4o', input_tokens: 7, output_tokens: 9 }] },
    },
    async plant(rig) {
      const silent = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0, cost_nano_usd: null } as const;
      const attempt = { ...silent, model: 'gpt-4o', account_id: rig.accounts[0] ?? '' };
      const unknown = { outcome: 'unknown', duration_ms: null, usage_source: 'none', status: null } as const;
      await plant(rig, [[Date.now(), { request: unknown, attempts: [{ ...attempt, ...unknown }] }]]);
    },
    reasons: ['unknown_end'],
  },
  {
    name: 'an attempt that was billed and never answered',
    script: {
      models: { 'gpt-4o': { fault: { fault: 'close-before-headers', after: 1 } } },
      books: { calls: [{ at: now, model: 'gpt-4o', input_tokens: 7, output_tokens: 9 }] },
    },
    settings: { MAX_ATTEMPTS: '1' },
    plant: async (rig) => void (await use(rig, '/v1/chat/completions', chat('gpt-4o'))),
    reasons: ['unanswered'],
  },
  {
    name: 'a success that was empty, and was billed',
    script: {
      models: { 'gpt-4o': { fault: { fault: 'empty-stream', after: 1 } } },
    },
    settings: { MAX_ATTEMPTS: '1' },
    plant: async (rig) => void (await use(rig, '/v1/chat/completions', chat('gpt-4o', { stream: true }))),
    reasons: ['without_usage'],
  },
  {
    name: 'another share of the tokens as cached',
    script: {
      models: {
        'gpt-4o': {
          usage: { prompt_tokens: 3000, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 1024 } },
        },
      },
      books: {
        missing_models: ['gpt-4o'],
        calls: [{ at: now, model: 'gpt-4o', input_tokens: 3000, cached_tokens: 2048, output_tokens: 10 }],
      },
    },
    plant: async () => {},
    reasons: ['cached_tokens'],
  },
  {
    name: 'parts of a nano-dollar',
    async plant(rig) {
      const price = { model: 'gpt-4', input: '30.0004', output: '60', effective_from: '2026-01-01' };
      await rig.manage('POST', '/prices', price);
      assert.equal(await use(rig, '/v1/chat/completions', chat('gpt-4')), 200);
    },
    model: 'gpt-4',
    reasons: ['rounding'],
  },
  {
    name: 'something else on the bill',
    script: { books: { charges: [{ at: now, line_item: 'Image models', usd: 0.25 }] } },
    plant: async () => {},
    model: 'image models',
    reasons: ['other_service'],
  },
];

for (const { name, script, settings, plant: doPlant, model = 'gpt-4o', reasons } of plantings) {
  test(`planted: ${name}`, async () => {
    await using rig = await startRig({
      ...(script !== undefined && { script }),
      ...(settings !== undefined && { settings }),
    });
    await withAdminKey(rig);
    if (!name.includes('cut stream')) assert.equal(await use(rig, '/v1/chat/completions', chat('gpt-4o')), 200);
    await doPlant(rig);
    const line = (await linesOf(rig)).find((candidate) => candidate.model === model);
    assert.ok(line);
    assert.deepEqual(settled(line), reasons, JSON.stringify(line, null, 1));
    for (const { message } of line.reasons) assert.ok(message.length > 10);
  });
}

test('calls over midnight explain both days', async () => {
  const midnight = Date.UTC(2026, 5, 2);
  const script = {
    books: { calls: [{ at: midnight / 1000 + 5, model: 'gpt-4o', input_tokens: 10, output_tokens: 5 }] },
  };
  await using rig = await startRig({ script });
  await withAdminKey(rig);
  const attempt = {
    model: 'gpt-4o',
    account_id: rig.accounts[0] ?? '',
    started_at_ms: midnight - 5000,
    duration_ms: 10_000,
    cost_nano_usd: 75_000,
  };
  await plant(rig, [[midnight - 5000, { attempts: [attempt] }]]);
  const both = await reconcile(rig, { from: '2026-06-01', to: '2026-06-03' });
  assert.deepEqual(
    both.books[0]?.lines.map((line) => [line.day, line.difference.requests, line.reasons.map(({ code }) => code)]),
    [
      ['2026-06-01', -1, ['day_border', 'cost_not_booked']],
      ['2026-06-02', 1, ['day_border']],
    ],
  );
  const second = await reconcile(rig, { from: '2026-06-02', to: '2026-06-03' });
  assert.deepEqual(
    second.books[0]?.lines.map((line) => [line.day, line.reasons.map(({ code }) => code)]),
    [['2026-06-02', ['day_border']]],
    'the day before is looked at, too',
  );
});

test('many days are read page by page', async () => {
  const days = 70;
  const first = Date.UTC(2026, 0, 10, 12);
  const calls: BooksScript['calls'] = Array.from({ length: days }, (_, n) => ({
    at: (first + n * dayMs) / 1000,
    model: 'gpt-4o',
    input_tokens: 10,
    output_tokens: 5,
  }));
  await using rig = await startRig({ script: { books: { calls } } });
  await withAdminKey(rig);
  const attempt = { model: 'gpt-4o', account_id: rig.accounts[0] ?? '', cost_nano_usd: 75_000 };
  await plant(
    rig,
    calls.map(({ at }) => [at * 1000, { attempts: [attempt] }]),
  );
  const { books } = await reconcile(rig, { from: '2026-01-10', to: '2026-03-21' });
  assert.deepEqual([books[0]?.lines.length, books[0]?.differing_lines], [days, 0]);
  assert.deepEqual(books[0]?.total.ours.requests, days);
  const asked = rig.mock.journal().entries.filter(({ path }) => path.startsWith('/v1/organization/'));
  assert.equal(asked.length, 9, 'three pages of each list');
});

test('a wrong admin key is a clear error that shows nothing of it', async () => {
  await using rig = await startRig({ script: { bad_keys: [adminKey] } });
  const ask = async (body: object): Promise<{ status: number; text: string; error: Record<string, string> }> => {
    const response = await rig.post('/api/v1/reconcile', { from: today, ...body });
    const text = await response.text();
    assert.ok(!text.includes('canary'), text);
    return { status: response.status, text, error: (JSON.parse(text) as { error: Record<string, string> }).error };
  };
  const none = await ask({});
  assert.deepEqual([none.status, none.error['param']], [400, 'admin_key']);
  assert.match(none.error['message'] ?? '', /None of these accounts has an admin key/u);
  const given = await ask({ admin_key: adminKey });
  assert.deepEqual([given.status, given.error['code'], given.error['param']], [400, 'invalid_request', 'admin_key']);
  assert.match(given.error['message'] ?? '', /The admin key may not read the books of provider "openai"/u);
  const misshapen = await ask({ admin_key: 'sk-proj-canary' });
  assert.deepEqual([misshapen.status, misshapen.error['param']], [400, 'admin_key']);
  await withAdminKey(rig);
  const held = await ask({});
  assert.deepEqual([held.status, held.error['param']], [400, 'auth_data.admin_key']);
  assert.ok(held.error['message']?.includes(rig.accounts[0] ?? '?'));
  await rig.mock.close();
  const gone = await ask({});
  assert.deepEqual([gone.status >= 500, gone.error['code']], [true, 'upstream_unavailable']);
});

test('what cannot be compared is refused by field', async () => {
  await using rig = await startRig();
  const rows: [body: object, param: string][] = [
    [{}, 'from'],
    [{ from: '2026-02-30x' }, 'from'],
    [{ from: '2026-02-30', to: '2026-03-10' }, 'from'],
    [{ from: '2026-02-02', to: '2026-02-02' }, 'to'],
    [{ from: '2024-01-01', to: '2026-01-01' }, 'from'],
    [{ from: today, account_ids: ['acc_nobody'] }, 'account_ids'],
    [{ from: today, admin_key: adminKey, provider_id: 'nobody' }, 'provider_id'],
  ];
  for (const [body, param] of rows) {
    const response = await rig.post('/api/v1/reconcile', body);
    const { error } = (await response.json()) as { error: { param: string } };
    assert.deepEqual([response.status, error.param], [400, param], JSON.stringify(body));
  }
});

test('an account of another organization is not compared, and is named', async () => {
  await using rig = await startRig({ keys: [testKey, 'sk-test-key-000000000002'] });
  await withAdminKey(rig);
  assert.equal(await use(rig, '/v1/chat/completions', chat('gpt-4o')), 200);
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { is_active: false });
  assert.equal(await use(rig, '/v1/chat/completions', chat('gpt-4o')), 200);
  const { books, not_compared: left } = await reconcile(rig);
  assert.deepEqual(left, [{ account_id: rig.accounts[1], calls: 1 }]);
  assert.deepEqual(books[0]?.lines[0]?.ours.requests, 1);
  // The day before is read to explain the first one, and is not asked about.
  const before = Date.parse(`${today}T00:00:00Z`) - 3_600_000;
  await plant(rig, [[before, { attempts: [{ account_id: rig.accounts[1] ?? '' }] }]]);
  assert.deepEqual((await reconcile(rig)).not_compared, [{ account_id: rig.accounts[1], calls: 1 }]);
  // With a key that is given for once, all accounts count.
  const once = await reconcile(rig, { admin_key: adminKey });
  assert.deepEqual([once.books[0]?.differing_lines, once.books[0]?.key_holder, once.not_compared], [0, null, []]);
});

test('an admin key is sealed, masked, kept through a new credential, and taken away by null', async () => {
  await using rig = await startRig();
  const [id = ''] = rig.accounts;
  const change = (authData: object): Promise<{ auth_data: Record<string, string> }> =>
    rig.manage('PATCH', `/accounts/${id}`, { auth_data: authData });
  const masked = { api_key: 'sk-…0001', admin_key: 'sk-…6789' };
  assert.deepEqual((await change({ admin_key: adminKey })).auth_data, masked);
  assert.deepEqual((await change({ api_key: 'sk-test-key-000000000002' })).auth_data, {
    ...masked,
    api_key: 'sk-…0002',
  });
  const rotated = await rig.manage<{ auth_data: object }>('POST', `/accounts/${id}/rotate`, {
    auth_data: { api_key: testKey },
  });
  assert.deepEqual(rotated.auth_data, masked);
  assert.equal(await use(rig, '/v1/chat/completions', chat('gpt-4o')), 200);
  const seen = rig.mock.journal().entries.filter(({ path }) => path === '/v1/chat/completions');
  assert.deepEqual(
    seen.map(({ key }) => key),
    ['sk-…0001'],
    'the data plane never uses the admin key',
  );
  const row = JSON.stringify(await runOutside(rig.database, 'SELECT * FROM accounts'));
  assert.ok(row.includes('6789') && !row.includes('canary'));
  assert.ok(!JSON.stringify(await runOutside(rig.database, 'SELECT * FROM audit')).includes('canary'));
  assert.deepEqual((await change({ admin_key: null })).auth_data, { api_key: 'sk-…0001' });
  const wrong = await rig.post('/api/v1/accounts', {
    provider_id: 'openai',
    label: 'x',
    auth_data: { api_key: testKey, admin_key: 'sk-proj-nothing' },
  });
  const { error } = (await wrong.json()) as { error: { param: string; message: string } };
  assert.deepEqual([wrong.status, error.param], [400, 'auth_data.admin_key']);
  assert.match(error.message, /must start with "sk-admin-"/u);
});

const root = fileURLToPath(new URL('../..', import.meta.url));

function command(
  rig: Rig,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { hostname, port } = new URL(rig.url);
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['bin/aigateway.js', ...args, '--host', hostname, '--port', port],
      { cwd: root, env: { ...withoutSettings(), ...environment } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

test('the command prints ours, theirs, the difference and its reason', async () => {
  await using rig = await startRig({ script: { books: { cut_streams: 'whole' } } });
  const added = await command(rig, ['accounts', 'admin-key', 'Account 1', '--key-variable', 'ADMIN'], {
    ADMIN: adminKey,
  });
  assert.deepEqual([added.code, added.stdout.includes('sk-…6789')], [0, true], added.stderr);
  for (const model of ['gpt-4o', 'gpt-4']) assert.equal(await use(rig, '/v1/chat/completions', chat(model)), 200);
  await eventually('all is over', () => rig.mock.journal().entries.every(({ open }) => !open));
  const same = await command(rig, ['reconcile', '--from', today]);
  assert.equal(same.code, 0, same.stdout + same.stderr);
  assert.match(same.stdout, /gpt-4o +both +1 /u);
  assert.match(same.stdout, /the ledger and the books agree/u);
  rig.mock.setScript({ books: { missing_models: ['gpt-4'] } });
  const differs = await command(rig, ['reconcile', '--from', today]);
  assert.equal(differs.code, 1);
  assert.match(differs.stdout, /gpt-4 +ours +1 .*not be complete yet/u);
  assert.match(differs.stdout, / theirs +0 +0 +0 +- /u);
  assert.match(differs.stdout, /1 of 2 lines differ/u);
  const json = await command(rig, ['reconcile', '--from', today, '--json', '--admin-key-variable', 'ADMIN'], {
    ADMIN: adminKey,
  });
  assert.equal((JSON.parse(json.stdout) as Answer).books[0]?.key_holder, null);
  const usage = await command(rig, ['reconcile', '--admin-key-variable', 'A', '--admin-key-stdin']);
  assert.equal(usage.code, 2);
});
