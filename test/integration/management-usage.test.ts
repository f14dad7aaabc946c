// Tests the resource /usage: its groups, its pages, time zones over a change of the clocks, and that JSON, CSV and SQL agree.
import assert from 'node:assert/strict';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import type { LedgerEntry } from '../../src/storage/ledger-store.ts';
import { openLedgerStore } from '../../src/storage/open-ledger-store.ts';
import { ledgerEntry } from '../support/ledger.ts';
import { startManagement, type TestManagement } from '../support/management.ts';
import { runOutside } from '../support/outside-sql.ts';
import { ledgerUrlOf } from '../support/test-database.ts';

const noon = Date.UTC(2026, 4, 10, 12);
const all = 'from=2000-01-01';

type Row = Record<string, string | number | null>;

async function startWith(context: TestContext, entries: readonly LedgerEntry[]): Promise<TestManagement> {
  const api = await startManagement(context);
  const store = await openLedgerStore(ledgerUrlOf(api.file));
  await store.append({ spool: 's', position: { segment: 0, offsetBytes: 0 }, entries });
  await store.close();
  return api;
}

async function tidy(api: TestManagement, requestsMs: number | null, nowMs: number): Promise<void> {
  const store = await openLedgerStore(ledgerUrlOf(api.file));
  const maintenance = await store.openMaintenance({ requestsMs, transcriptsMs: null });
  while (await maintenance.step(nowMs));
  await maintenance.close();
  await store.close();
}

/** Requests and attempts in a database of ours, so that one SQL asks them wherever they lie. */
async function copyOfLedger(outside: string): Promise<DatabaseSync> {
  const copy = new DatabaseSync(':memory:');
  for (const [table, columns] of [
    ['requests', { id: 'TEXT', model: 'TEXT', created_at_ms: 'INTEGER' }],
    ['attempts', { request_id: 'TEXT', n: 'INTEGER', total_tokens: 'INTEGER', cost_nano_usd: 'INTEGER' }],
  ] as const) {
    const names = Object.keys(columns);
    copy.exec(
      `CREATE TABLE ${table} (${Object.entries(columns)
        .map((column) => column.join(' '))
        .join(', ')})`,
    );
    const insert = copy.prepare(`INSERT INTO ${table} VALUES (${names.map(() => '?').join(', ')})`);
    for (const row of await runOutside(outside, `SELECT ${names.join(', ')} FROM ${table}`))
      insert.run(...(Object.values(row) as SQLInputValue[]));
  }
  return copy;
}

async function rowsOf(api: TestManagement, query: string): Promise<Row[]> {
  const { status, json, text } = await api.call('GET', `/usage?${query}`);
  assert.equal(status, 200, text);
  return json.data as Row[];
}

/** The lines of an RFC 4180 text, as fields by name. */
function parseCsv(text: string): Record<string, string>[] {
  const [head = [], ...lines] = text
    .split('\r\n')
    .slice(0, -1)
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))/gu)].map(
        ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain,
      ),
    );
  return lines.map((cells) => Object.fromEntries(head.map((name, n) => [name, cells[n] ?? ''])));
}

async function csvOf(api: TestManagement, query: string): Promise<Record<string, string>[]> {
  const { status, headers, text } = await api.call('GET', `/usage?${query}`, undefined, { accept: 'text/csv' });
  assert.equal(status, 200, text);
  assert.match(headers.get('content-type') ?? '', /^text\/csv; charset=utf-8/u);
  assert.equal(headers.get('vary'), 'accept');
  return parseCsv(text);
}

const asTexts = (rows: readonly Row[]): Record<string, string>[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value ?? '')])));

test('the total is one row, with or without requests', async (t) => {
  const empty = await startWith(t, []);
  const zero = {
    requests: 0,
    attempts: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
    total_tokens: 0,
    cached_tokens: 0,
    cache_write_tokens: 0,
    reasoning_tokens: 0,
    audio_prompt_tokens: 0,
    audio_completion_tokens: 0,
    cost_usd: '0',
    unpriced_tokens: 0,
  };
  const { json } = await empty.call('GET', `/usage?${all}&to=2027-01-01&time_zone=Asia/Kolkata`);
  assert.deepEqual(json, {
    from: '1999-12-31T18:30:00.000Z',
    to: '2026-12-31T18:30:00.000Z',
    time_zone: 'Asia/Kolkata',
    data: [zero],
    next_cursor: null,
  });
  assert.deepEqual(await csvOf(empty, all), asTexts([zero]));
  assert.deepEqual(await rowsOf(empty, `${all}&group_by=model`), []);
  const api = await startWith(t, [
    ledgerEntry(noon, { attempts: [{ cost_nano_usd: 1 }, { cost_nano_usd: 2_000_000_000 }] }),
    ledgerEntry(noon + 1, { attempts: [{ cost_nano_usd: null }] }),
    ledgerEntry(noon + 2, { attempts: [] }),
  ]);
  assert.deepEqual(await rowsOf(api, all), [
    {
      ...zero,
      requests: 3,
      attempts: 3,
      prompt_tokens: 30,
      completion_tokens: 15,
      total_tokens: 45,
      cost_usd: '2.000000001',
      unpriced_tokens: 15,
    },
  ]);
});

test('without from: the last 30 days of the zone, today included', async (t) => {
  const now = Date.now();
  const day = 86_400_000;
  const today = Math.floor(now / day) * day;
  const api = await startWith(t, [
    ledgerEntry(now - 1),
    ledgerEntry(today - 29 * day),
    ledgerEntry(today - 29 * day - 1),
  ]);
  const { json } = await api.call('GET', '/usage');
  assert.deepEqual([json.data[0].requests, json.from, json.to], [2, new Date(today - 29 * day).toISOString(), null]);
  const { json: until } = await api.call('GET', '/usage?to=2026-03-31&time_zone=America/New_York');
  assert.deepEqual([until.from, until.to], ['2026-03-01T05:00:00.000Z', '2026-03-31T04:00:00.000Z']);
});

test('rows have the fields of their groups, null for none', async (t) => {
  const api = await startWith(t, [
    ledgerEntry(noon, {
      request: { model: 'fast', key_id: 'key_1' },
      attempts: [{ model: 'large' }, { model: 'small', account_id: 'acc_2' }],
    }),
    ledgerEntry(noon, { request: { model: null, key_id: null }, attempts: [] }),
  ]);
  const groups = async (groupBy: string): Promise<unknown[]> =>
    (await rowsOf(api, `${all}&group_by=${groupBy}`)).map(
      ({ day, hour, model, provider_model: sent, account_id: account, key_id: key, requests, attempts }) =>
        [day, hour, model, sent, account, key, requests, attempts].filter((value) => value !== undefined),
    );
  assert.deepEqual(await groups('model'), [
    [null, 1, 0],
    ['fast', 1, 2],
  ]);
  assert.deepEqual(await groups('provider_model'), [
    [null, 1, 0],
    ['large', 0, 1],
    ['small', 1, 1],
  ]);
  assert.deepEqual(await groups('key, day'), [
    ['2026-05-10', null, 1, 0],
    ['2026-05-10', 'key_1', 1, 2],
  ]);
  assert.deepEqual(await groups('hour,account'), [
    ['2026-05-10T12:00:00Z', null, 1, 0],
    ['2026-05-10T12:00:00Z', 'acc_1', 0, 1],
    ['2026-05-10T12:00:00Z', 'acc_2', 1, 1],
  ]);
  assert.deepEqual(await groups('account,key,model,provider_model'), [
    [null, null, null, null, 1, 0],
    ['fast', 'large', 'acc_1', 'key_1', 0, 1],
    ['fast', 'small', 'acc_2', 'key_1', 1, 1],
  ]);
});

test('pages and CSV have every row once, in one order', async (t) => {
  const names = ['=1+1', 'a,b', '"q"', 'plain', 'zeta\nnew line', '@x', 'ü'];
  const api = await startWith(
    t,
    Array.from({ length: 60 }, (_, n) =>
      ledgerEntry(noon + n * 7_200_000, {
        request: { model: names[n % names.length] ?? null, key_id: n % 2 === 0 ? 'key_1' : null },
      }),
    ),
  );
  for (const groupBy of ['day', 'day,model', 'hour,model,key', 'model,key', 'model,key,account']) {
    const query = `${all}&group_by=${groupBy}&time_zone=Asia/Kathmandu`;
    const whole = await rowsOf(api, query);
    const pages: Row[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { json }: { json: { data: Row[]; next_cursor: string | null } } = await api.call(
        'GET',
        `/usage?${query}&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      pages.push(...json.data);
      cursor = json.next_cursor;
    }
    assert.deepEqual(pages, whole, groupBy);
    if (!groupBy.includes('model')) assert.deepEqual(await csvOf(api, query), asTexts(whole));
  }
  const { text } = await api.call('GET', `/usage?${all}&group_by=model`, undefined, { accept: 'text/csv' });
  const cells = [/^"""q"""/mu, /^"a,b"/mu, /^'=1\+1,/mu, /^'@x,/mu, /^"zeta\nnew line"/mu, /^ü,/mu];
  for (const cell of cells) assert.match(text, cell);
});

test('what is wrong with a query is told by its field', async (t) => {
  const api = await startWith(t, [ledgerEntry(noon)]);
  const otherCursor = Buffer.from('[1,"a"]').toString('base64url');
  const rows: [query: string, param: string][] = [
    ['group_by=week', 'group_by'],
    ['group_by=', 'group_by'],
    ['group_by=model,', 'group_by'],
    ['group_by=day,hour', 'group_by'],
    ['time_zone=Mars/Olympus', 'time_zone'],
    ['time_zone=', 'time_zone'],
    ['from=yesterday', 'from'],
    ['to=1', 'to'],
    ['from=2026-02-02&to=2026-02-01', 'to'],
    ['limit=1001', 'limit'],
    ['cursor=x', 'cursor'],
    [`cursor=${otherCursor}`, 'cursor'],
    [`cursor=${otherCursor}&group_by=day`, 'cursor'],
    ['model=alpha', 'model'],
  ];
  for (const [query, param] of rows) {
    for (const accept of ['application/json', 'text/csv']) {
      const { status, json } = await api.call('GET', `/usage?${query}`, undefined, { accept });
      if (accept === 'text/csv' && param === 'cursor') continue;
      assert.deepEqual([status, json.error.code, json.error.param], [400, 'invalid_request', param], query);
    }
  }
});

test('where requests have been deleted, bounds must be on a quarter of an hour', async (t) => {
  const api = await startWith(t, [ledgerEntry(noon), ledgerEntry(noon + 5), ledgerEntry(noon + 86_400_000 * 2)]);
  await tidy(api, 86_400_000, noon + 86_400_000 * 2);
  assert.equal((await rowsOf(api, 'from=2026-05-10T12:00:00Z'))[0]?.['requests'], 3);
  for (const accept of ['application/json', 'text/csv']) {
    const refused = await api.call('GET', '/usage?from=2026-05-10T12:00:00.001Z', undefined, { accept });
    assert.deepEqual([refused.status, refused.json.error.param], [400, 'from']);
    assert.match(
      refused.json.error.message,
      /must be on a quarter of an hour where they are before 2026-05-10T12:00:00\.006Z/u,
    );
  }
});

test('a database that does not answer is a 503, for CSV too', async (t) => {
  const api = await startWith(t, []);
  await api.storage.close();
  for (const accept of ['application/json', 'text/csv'])
    assert.equal((await api.call('GET', '/usage', undefined, { accept })).json.error.code, 'storage_unavailable');
});

test('over a change of the clocks, JSON, CSV and SQL over the ledger agree in every zone', async (t) => {
  // From two days before to two days after: the United States on March 8, Europe on March 29, Lord Howe on April 5.
  const startMs = Date.UTC(2026, 2, 6);
  const lengthMs = 32 * 86_400_000;
  const entries = Array.from({ length: 4000 }, (_, n) => {
    const atMs = startMs + Math.floor((n * lengthMs) / 4000) + (n % 7) * 61_003;
    const retried = [
      { account_id: 'acc_1', total_tokens: n % 13 },
      { account_id: 'acc_2', total_tokens: n % 17, cost_nano_usd: n },
    ];
    return ledgerEntry(atMs, {
      request: { model: `model-${n % 3}` },
      attempts:
        n % 5 === 0
          ? retried
          : n % 11 === 0
            ? []
            : [{ total_tokens: n % 19, cost_nano_usd: n % 23 === 0 ? null : n * 1000 }],
    });
  });
  const api = await startWith(t, entries);
  await tidy(api, null, startMs + lengthMs - 5 * 86_400_000);
  using database = await copyOfLedger(api.file);
  const zones = {
    UTC: [],
    'Asia/Shanghai': [],
    'Asia/Kolkata': [],
    'Asia/Kathmandu': [],
    'America/New_York': ['2026-03-08T07:00:00Z'],
    'Europe/Berlin': ['2026-03-29T01:00:00Z'],
    'Australia/Lord_Howe': ['2026-04-04T15:00:00Z'],
  };
  const before: Record<keyof typeof zones, number> = {
    UTC: 0,
    'Asia/Shanghai': 480,
    'Asia/Kolkata': 330,
    'Asia/Kathmandu': 345,
    'America/New_York': -300,
    'Europe/Berlin': 60,
    'Australia/Lord_Howe': 660,
  };
  const change: Partial<Record<keyof typeof zones, number>> = {
    'America/New_York': 60,
    'Europe/Berlin': 60,
    'Australia/Lord_Howe': -30,
  };
  for (const zone of Object.keys(zones) as (keyof typeof zones)[]) {
    const [changeAt] = zones[zone];
    const changeMs = changeAt === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(changeAt);
    const sql = database.prepare(
      `WITH moved AS (
         SELECT id, model, created_at_ms + 60000 * (? + CASE WHEN created_at_ms >= ? THEN ? ELSE 0 END) AS local_ms FROM requests
       )
       SELECT strftime('%Y-%m-%d', local_ms / 1000, 'unixepoch') AS day, model,
         count(DISTINCT id) AS requests, count(n) AS attempts, sum(coalesce(total_tokens, 0)) AS total_tokens,
         sum(coalesce(cost_nano_usd, 0)) AS cost,
         sum(CASE WHEN cost_nano_usd IS NULL THEN coalesce(total_tokens, 0) ELSE 0 END) AS unpriced_tokens
       FROM moved LEFT JOIN (SELECT request_id, n, total_tokens, cost_nano_usd FROM attempts) ON request_id = id
       GROUP BY day, model ORDER BY day, model`,
    );
    const expected = sql
      .all(before[zone], changeMs, change[zone] ?? 0)
      .map(({ day, model, requests, attempts, total_tokens: tokens, cost, unpriced_tokens: unpriced }) =>
        [day, model, requests, attempts, tokens, Number(cost) / 1e9, unpriced].map(String),
      );
    const query = `from=2026-01-01&to=2027-01-01&group_by=day,model&time_zone=${zone}`;
    const pick = (row: Row | Record<string, string>): string[] =>
      [
        row['day'],
        row['model'],
        row['requests'],
        row['attempts'],
        row['total_tokens'],
        Number(row['cost_usd']),
        row['unpriced_tokens'],
      ].map(String);
    assert.deepEqual((await rowsOf(api, query)).map(pick), expected, zone);
    assert.deepEqual((await csvOf(api, query)).map(pick), expected, zone);
    const hours = await rowsOf(api, `from=2026-03-07&to=2026-03-10&group_by=hour&time_zone=${zone}`);
    for (const day of ['2026-03-07', '2026-03-08', '2026-03-09']) {
      const ofDay = hours.filter(({ hour }) => String(hour).startsWith(day));
      assert.equal(ofDay.length, zone === 'America/New_York' && day === '2026-03-08' ? 23 : 24, `${zone} ${day}`);
      const sum = ofDay.reduce((total, { requests }) => total + Number(requests), 0);
      const wanted = expected
        .filter(([name]) => name === day)
        .reduce((total, [, , requests]) => total + Number(requests), 0);
      assert.equal(sum, wanted);
    }
  }
});

test('the hour that comes twice in autumn is two hours, in JSON, CSV and SQL', async (t) => {
  // In New York clocks go back at 06:00 UTC.
  const fromMs = Date.UTC(2026, 10, 1, 4);
  const hourMs = 3_600_000;
  const entries = Array.from({ length: 25 * 6 }, (_, n) => ledgerEntry(fromMs + n * 600_000 + 1));
  const api = await startWith(t, [...entries, ledgerEntry(fromMs - 1), ledgerEntry(fromMs + 25 * hourMs)]);
  using database = await copyOfLedger(api.file);
  const expected = database
    .prepare(
      `SELECT count(*) AS requests FROM requests WHERE created_at_ms >= ? AND created_at_ms < ?
       GROUP BY CAST((created_at_ms - ${fromMs}) / ${hourMs} AS INTEGER) ORDER BY created_at_ms`,
    )
    .all(fromMs, fromMs + 25 * hourMs)
    .map(({ requests }) => Number(requests));
  const query = 'from=2026-11-01&to=2026-11-02&group_by=hour&time_zone=America/New_York';
  const [rows, csv] = [await rowsOf(api, query), await csvOf(api, query)];
  assert.deepEqual(
    rows.map((row) => row['requests']),
    expected,
  );
  assert.equal(rows.length, 25);
  assert.equal(new Set(rows.map((row) => row['hour'])).size, 25, 'each hour has a name of its own');
  assert.deepEqual(
    csv.map((row) => [row['hour'], Number(row['requests'])]),
    rows.map((row) => [row['hour'], row['requests']]),
  );
});

test('CSV of groups without a request is the head alone, and the total a row of nothing', async (t) => {
  const api = await startManagement(t);
  const csv = async (query: string): Promise<string[]> => {
    const { text } = await api.call('GET', `/usage?${query}`, undefined, { accept: 'text/csv' });
    return text.trimEnd().split('\r\n');
  };
  const [head, ...rows] = await csv(`${all}&group_by=model`);
  assert.match(head ?? '', /^model,requests,/u);
  assert.deepEqual(rows, []);
  assert.deepEqual((await csv(all)).slice(1), ['0,0,0,0,0,0,0,0,0,0,0,0']);
});
