// The journal of the fake OpenAI, and what is left when connections end early.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Journal } from '../../src/mock/journal.ts';
import { startMock } from '../../src/mock/server.ts';
import { chat, entryThat, KEY, post, start } from './support.ts';

test('a request is on record as it came', async (t) => {
  const mock = await start(t);
  const body = '{ "model":"gpt-4o",  "messages":[{"role":"user","content":"größe"}], "n": 1e0 }';
  const response = await post(mock, body);
  const text = await response.text();
  const entry = await entryThat(mock, (one) => !one.open);
  assert.equal(Buffer.from(entry.body ?? '', 'base64').toString(), body);
  assert.equal(entry.body_bytes, Buffer.byteLength(body));
  assert.equal(entry.sha256, createHash('sha256').update(body).digest('hex'));
  assert.equal(entry.key, 'sk-…cdef');
  assert.equal(entry.headers['authorization'], 'Bearer sk-…cdef');
  assert.equal(entry.headers['content-type'], 'application/json');
  assert.equal(entry.bytes_out, Buffer.byteLength(text));
  assert.equal(entry.request_id, response.headers.get('x-request-id'));
  const { n, method, path, model, stream, status, fault, finished, closed_by, closed_at } = entry;
  assert.deepEqual(
    { n, method, path, model, stream, status, fault, finished, closed_by, closed_at },
    {
      n: 1,
      method: 'POST',
      path: '/v1/chat/completions',
      model: 'gpt-4o',
      stream: false,
      status: 200,
      fault: null,
      finished: true,
      closed_by: null,
      closed_at: null,
    },
  );
  assert.deepEqual([entry.prompt_tokens, entry.completion_tokens, entry.completion_tokens_sent], [8, 3, 3]);
});

test('no key is ever in the journal', async (t) => {
  const mock = await start(t, { script: { bad_keys: ['sk-bad-0123456789xyz'] } });
  for (const key of [KEY, 'sk-bad-0123456789xyz', 'odd-0123456789', 'sk-short']) await post(mock, chat(), { key });
  const text = JSON.stringify(mock.journal());
  for (const key of [KEY, 'sk-bad-0123456789xyz', 'odd-0123456789', 'sk-short']) assert.ok(!text.includes(key), key);
});

test('a client that leaves a stream closes it', async (t) => {
  const mock = await start(t, { script: { chunk_delay_ms: 5 } });
  const controller = new AbortController();
  const response = await fetch(`${mock.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}` },
    body: JSON.stringify(chat({ model: 'gpt-mock-stream-1000', stream: true })),
    signal: controller.signal,
  });
  await response.body?.getReader().read();
  const running = mock.journal();
  assert.equal(running.open_requests, 1);
  assert.equal(running.entries[0]?.open, true);
  const before = Date.now();
  controller.abort();
  const entry = await entryThat(mock, (one) => !one.open);
  assert.equal(entry.closed_by, 'client');
  assert.ok(entry.closed_at !== null && entry.closed_at >= before);
  assert.equal(entry.finished, false);
  assert.equal(entry.completion_tokens, 1000);
  assert.ok(entry.completion_tokens_sent < 1000);
  assert.equal(mock.journal().open_requests, 0);
});

test('silences end when the client closes, with FIN or RST', async (t) => {
  const mock = await start(t);
  for (const end of ['destroy', 'resetAndDestroy'] as const) {
    for (const fault of ['silence-before-headers', 'silence-after-headers', 'silence-mid-stream']) {
      const json = JSON.stringify(chat({ model: `gpt-fault-${fault}`, stream: true }));
      const socket = connect(mock.port, '127.0.0.1');
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
      );
      await entryThat(mock, (one) => one.open && one.fault === fault);
      socket[end]();
      const entry = await entryThat(mock, (one) => !one.open);
      assert.deepEqual([entry.fault, entry.closed_by, entry.finished], [fault, 'client', false]);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(mock.openSockets(), 0);
});

test('a reset is the server’s doing, a cut is a finished answer', async (t) => {
  const mock = await start(t);
  const read = async (fault: string) => {
    const model = `gpt-fault-${fault}`;
    await post(mock, chat({ model, stream: true }))
      .then((response) => response.text())
      .catch(() => undefined);
    return entryThat(mock, (one) => !one.open && one.model === model);
  };
  const reset = await read('reset-mid-stream@500');
  assert.deepEqual(
    [reset.closed_by, reset.finished, reset.bytes_out, reset.fault],
    ['server', false, 500, 'reset-mid-stream@500'],
  );
  const silent = await read('reset-before-headers');
  assert.deepEqual([silent.closed_by, silent.status, silent.bytes_out], ['server', null, 0]);
  const cut = await read('cut-mid-stream');
  assert.deepEqual([cut.closed_by, cut.finished, cut.completion_tokens_sent], [null, true, 3]);
});

test('the journal over HTTP: read, read on, clear', async (t) => {
  const mock = await start(t, { script: { keys: { [KEY]: { label: 'first' } } } });
  for (let n = 0; n < 3; n += 1) await (await post(mock, chat())).text();
  const read = async (query: string = ''): Promise<Journal> =>
    (await (await fetch(`${mock.url}/__journal${query}`)).json()) as Journal;
  const all = await read();
  assert.equal(all.requests, 3);
  assert.equal(all.entries.length, 3);
  assert.equal(all.entries[2]?.key, 'first');
  assert.deepEqual(all.entries, mock.journal().entries);
  assert.deepEqual(
    (await read('?after=2')).entries.map((entry) => entry.n),
    [3],
  );
  assert.equal((await fetch(`${mock.url}/__journal`, { method: 'DELETE' })).status, 204);
  assert.equal((await read()).requests, 0);
  await post(mock, chat());
  assert.equal((await read()).entries[0]?.n, 4);
});

test('a body over a MiB is cut in the journal, not in the digest', async (t) => {
  const mock = await start(t);
  const body = JSON.stringify(chat({ messages: [{ role: 'user', content: 'x'.repeat(3_000_000) }], max_tokens: 1 }));
  assert.equal((await post(mock, body)).status, 200);
  const entry = mock.journal().entries[0];
  assert.equal(entry?.body_bytes, body.length);
  assert.equal(Buffer.from(entry?.body ?? '', 'base64').length, 1024 * 1024);
  assert.equal(entry?.sha256, createHash('sha256').update(body).digest('hex'));
});

test('a long stream waits for its reader', async (t) => {
  const mock = await start(t, { script: { chunk_text: 'x'.repeat(100_000) } });
  const body = JSON.stringify(chat({ model: 'gpt-mock-stream-1000', stream: true }));
  const bytes = await new Promise<number>((resolve, reject) => {
    const request = httpRequest(`${mock.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-length': body.length },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let sum = 0;
      response.pause();
      setTimeout(() => {
        const waiting = mock.journal().entries[0]?.bytes_out ?? 0;
        if (waiting > 20_000_000) reject(new Error(`${waiting} bytes were written without a reader`));
        response.on('data', (data: Buffer) => (sum += data.length));
        response.on('end', () => resolve(sum));
        response.resume();
      }, 100);
    });
    request.end(body);
  });
  assert.ok(bytes > 100_000_000);
  assert.equal((await entryThat(mock, (one) => !one.open)).bytes_out, bytes);
});

test('connections are counted, and control connections are not', async (t) => {
  const mock = await start(t);
  const sockets = Array.from({ length: 3 }, () => connect(mock.port, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  const read = async (): Promise<Journal> => (await (await fetch(`${mock.url}/__journal`)).json()) as Journal;
  assert.equal((await read()).open_sockets, 3);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal((await read()).open_sockets, 0);
});

test('close() ends at once whatever is open', async () => {
  const mock = await startMock({ script: { delay_ms: 60_000 } });
  const models = ['gpt-fault-silence-before-headers', 'gpt-fault-silence-after-headers', 'gpt-4o'];
  const calls = models.map((model) =>
    post(mock, chat({ model }))
      .then((response) => response.text())
      .catch(() => 'closed'),
  );
  while (mock.journal().entries.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const before = performance.now();
  await mock.close();
  // Long before the first of them would have been answered.
  assert.ok(performance.now() - before < 30_000);
  assert.deepEqual(await Promise.all(calls), ['closed', 'closed', 'closed']);
  for (const entry of mock.journal().entries) assert.equal(entry.closed_by, 'server');
});

test('a client that leaves in its upload is on record', async (t) => {
  const mock = await start(t);
  const socket = connect(mock.port, '127.0.0.1');
  socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"model"');
  await entryThat(mock, (one) => one.open && one.body_bytes === 8);
  socket.destroy();
  const entry = await entryThat(mock, (one) => !one.open);
  assert.deepEqual([entry.closed_by, entry.status, entry.sha256], ['client', null, null]);
});

test('clients that leave at any moment do no harm', async (t) => {
  const mock = await start(t, { script: { chunk_text: 'x'.repeat(500) } });
  const leave = async (serial: number): Promise<void> => {
    const controller = new AbortController();
    const model = ['gpt-4o', 'gpt-mock-stream-2000', 'gpt-fault-byte-by-byte', 'gpt-fault-gzip'][serial % 4];
    const call = fetch(`${mock.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify(chat({ model, stream: serial % 3 > 0 })),
      signal: controller.signal,
    }).then((response) => response.text());
    setTimeout(() => controller.abort(), serial % 23);
    await call.catch(() => undefined);
  };
  await Promise.all(Array.from({ length: 300 }, (_, serial) => leave(serial)));
  while (mock.journal().open_requests > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await post(mock, chat())).status, 200);
});

test('a body over 100 MiB is refused', async (t) => {
  const mock = await start(t);
  const body = new Blob([Buffer.alloc(101 * 1024 * 1024, 32)]);
  const headers = { authorization: `Bearer ${KEY}` };
  const response = await fetch(`${mock.url}/v1/chat/completions`, { method: 'POST', headers, body });
  assert.equal(response.status, 413);
});

test('request ids differ after a reset too', async (t) => {
  const mock = await start(t);
  const before = (await post(mock, chat())).headers.get('x-request-id');
  mock.reset();
  assert.notEqual((await post(mock, chat())).headers.get('x-request-id'), before);
  assert.equal(mock.journal().entries[0]?.n, 1);
});
