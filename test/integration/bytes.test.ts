// Bytes stay bytes: what the client sends arrives as it was, but for the documented edits, and answers come back as they were.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  chunked,
  jsonAnswer,
  lastChunk,
  startRawUpstream,
  streamHead,
  type RawUpstream,
} from '../support/raw-upstream.ts';
import { eventually } from '../support/await.ts';
import { startRig, type Rig } from '../support/rig.ts';

const nested = (depth: number): string => (depth === 0 ? '0.1000' : `{"x_${depth}":[${nested(depth - 1)},-0,1E+2]}`);
const invented = Array.from({ length: 30 }, (_, i) => `"x_field_${i}":${nested(i % 7)}`).join(' ,\n');
const odd = `"big":12345678901234567890,"huge":1e400,"tiny":1.0e-999,"dup":1,"dup":2,"cjk":"漢字 🙂 \\ud83d\\ude42 \\u0041\\/","":null`;

/** Bodies without anything to edit. */
const untouched: readonly string[] = [
  `{"model":"gpt-4","messages":[]}`,
  ` \n{ "messages" : [ ] , "model"\t: "gpt-4" } \r\n`,
  `{"model":"gpt-4",${invented},${odd}}`,
  `{${odd},"messages":[{"role":"user","content":"${'x'.repeat(70_000)}\\"${'\\\\'.repeat(50)}"}],"model":"gpt-4"}`,
  `{"model":"gpt-4","model":"gpt-4-turbo","messages":[]}`,
  `{"mod\\u0065l":"gpt-4","stream":false}`,
  `{"model":"gpt-4","stream":true,"stream_options":{"include_usage":true,"x":1}}`,
  `{"model":"gpt-4","stream":"true","stream_options":5}`,
];

/** Bodies with an edit: what the client sends → what arrives. */
const edited: readonly [sent: string, arrived: string][] = [
  [`{"model":"openai/gpt-4", "n":1.0}`, `{"model":"gpt-4", "n":1.0}`],
  [`{"model":"OpenAI/gpt-4","model":"openai/gpt-4"}`, `{"model":"gpt-4","model":"gpt-4"}`],
  [`{"model":"fast","x":0.10}`, `{"model":"gpt-4-turbo","x":0.10}`],
  [`{"model":"gpt-4","stream":true}`, `{"model":"gpt-4","stream":true,"stream_options":{"include_usage":true}}`],
  [
    `{"model":"gpt-4","stream":true , "x":{} }  `,
    `{"model":"gpt-4","stream":true , "x":{} ,"stream_options":{"include_usage":true}}  `,
  ],
  [
    `{"model":"gpt-4","stream":true,"stream_options":{}}`,
    `{"model":"gpt-4","stream":true,"stream_options":{"include_usage":true}}`,
  ],
  [
    `{"stream_options":null,"model":"gpt-4","stream":true}`,
    `{"stream_options":{"include_usage":true},"model":"gpt-4","stream":true}`,
  ],
  [
    `{"stream_options":{ "include_obfuscation":false},"model":"gpt-4","stream":true}`,
    `{"stream_options":{"include_usage":true, "include_obfuscation":false},"model":"gpt-4","stream":true}`,
  ],
  [
    `{"stream_options":{"include_usage": false ,"a":1},"model":"gpt-4","stream":true}`,
    `{"stream_options":{"include_usage": true ,"a":1},"model":"gpt-4","stream":true}`,
  ],
];

suite('request bodies', () => {
  let rig: Rig;
  let upstream: RawUpstream;
  before(async () => {
    upstream = await startRawUpstream((socket) => void socket.write(jsonAnswer('{"object":"x"}')));
    rig = await startRig();
    await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
    await rig.manage('POST', '/routes', { pattern: 'fast', provider_id: 'openai', model: 'gpt-4-turbo' });
  });
  after(async () => {
    await rig.stop();
    await upstream.close();
  });

  for (const [i, body] of untouched.entries()) {
    test(`body ${i} arrives byte for byte: ${body.slice(0, 60)}`, async () => {
      const response = await rig.post('/v1/chat/completions', body);
      assert.equal(response.status, 200, await response.text());
      assert.equal(upstream.requests.at(-1)?.body.toString(), body);
    });
  }

  for (const [sent, arrived] of edited) {
    test(`only the documented edit is made to ${sent}`, async () => {
      const response = await rig.post('/v1/chat/completions', sent);
      assert.equal(response.status, 200, await response.text());
      assert.equal(upstream.requests.at(-1)?.body.toString(), arrived);
    });
  }

  test('a body sent in chunks arrives with its length, and headers go up only from the allow list', async () => {
    const body = new ReadableStream({
      start(controller) {
        for (const piece of ['{"model":', '"gpt-4"', '}']) controller.enqueue(Buffer.from(piece));
        controller.close();
      },
    });
    const response = await fetch(`${rig.url}/v1/chat/completions`, {
      method: 'POST',
      body,
      duplex: 'half',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        authorization: 'Bearer agw_a-client-key',
        'x-api-key': 'a-client-key',
        cookie: 'a=client-key',
        'openai-beta': 'assistants=v2',
        'x-stainless-lang': 'js',
        'x-client-request-id': 'mine',
        'x-forwarded-for': '10.0.0.1',
        'accept-encoding': 'gzip',
      },
    });
    assert.equal(response.status, 200);
    const request = upstream.requests.at(-1);
    assert.equal(request?.body.toString(), '{"model":"gpt-4"}');
    const names = [...(request?.head.matchAll(/^([\w-]+):/gmu) ?? [])]
      .map(([, name = '']) => name.toLowerCase())
      .sort();
    assert.deepEqual(names, [
      'accept',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'openai-beta',
      'user-agent',
      'x-client-request-id',
      'x-stainless-lang',
    ]);
    assert.match(request?.head ?? '', /authorization: Bearer sk-test-key/u);
    assert.doesNotMatch(request?.head ?? '', /client-key/u);
  });
});

suite('answers', () => {
  const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
  const chunkOf = (delta: object, finish: string | null = null): string =>
    JSON.stringify({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason: finish }],
      usage: null,
    });
  const usageChunk = JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', choices: [], usage });
  const events = (end: string): string[] => [
    `data: ${chunkOf({ role: 'assistant', content: '' })}${end}${end}`,
    `: ping${end}${end}`,
    `data: ${chunkOf({ content: '漢字' })}${end}${end}`,
    `id: 7${end}event: x${end}data:${chunkOf({ content: '🙂', future: [1.5, 'x'] })}${end}${end}`,
    `data: ${chunkOf({}, 'stop')}${end}${end}`,
    `data: ${usageChunk}${end}${end}`,
    `data: [DONE]${end}${end}`,
  ];
  let rig: Rig;
  let upstream: RawUpstream;
  let pieces: Buffer[] = [];
  before(async () => {
    upstream = await startRawUpstream(async (socket) => {
      socket.setNoDelay(true);
      socket.write(streamHead);
      for (const piece of pieces) {
        socket.write(chunked(piece));
        // Let each piece be a read of its own.
        await new Promise(setImmediate);
      }
      socket.write(lastChunk);
    });
    rig = await startRig();
    await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  });
  after(async () => {
    await rig.stop();
    await upstream.close();
  });

  let received = 0;
  const receive = async (options: object): Promise<string> => {
    received += 1;
    const response = await rig.post('/v1/chat/completions', { model: 'gpt-4', stream: true, ...options });
    assert.equal(response.status, 200);
    return Buffer.from(await response.arrayBuffer()).toString();
  };

  for (const [name, end] of [
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ] as const) {
    test(`a ${name} stream cut at every byte comes back the same, its usage chunk only where it was asked for`, async () => {
      const all = Buffer.from(events(end).join(''));
      const withoutUsage = events(end)
        .filter((event) => !event.includes('"choices":[]'))
        .join('');
      for (let cut = 0; cut <= all.length; cut += 1) {
        pieces = [all.subarray(0, cut), all.subarray(cut)];
        assert.equal(await receive({}), withoutUsage, `cut at ${cut}`);
        if (cut % 5 === 0)
          assert.equal(await receive({ stream_options: { include_usage: true } }), all.toString(), `cut at ${cut}`);
      }
      pieces = [...all].map((byte) => Buffer.from([byte]));
      assert.equal(await receive({}), withoutUsage, 'byte by byte');
    });
  }

  test('a stream without the last line end is passed on as it is', async () => {
    const all = events('\n').join('').trimEnd();
    pieces = [Buffer.from(all)];
    assert.equal(await receive({ stream_options: { include_usage: true } }), all);
  });

  test('the ledger has the usage of each of them, wherever it was cut', async () => {
    let sums: Record<string, unknown> = {};
    await eventually('all are in the ledger', async () => {
      sums = (await rig.manage<{ data: Record<string, unknown>[] }>('GET', '/usage')).data[0] ?? {};
      return sums['requests'] === received;
    });
    const { prompt_tokens: prompt, completion_tokens: completion } = sums;
    assert.deepEqual([prompt, completion], [5 * received, 2 * received]);
  });
});

test('a whole answer comes back byte for byte, with the headers that are for the client and none of the edge', async (t) => {
  const body = Buffer.from(
    `{ "choices":[{"message":{"content":"漢 \\u0000"}}],\n"x":1e400,"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3} }\n`,
  );
  const upstream = await startRawUpstream((socket) => {
    socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json; x=y\r\nx-request-id: req_abc\r\nopenai-version: 2020-10-01\r\nx-ratelimit-limit-requests: 60\r\n` +
        `set-cookie: a=b\r\nset-cookie: c=d\r\ncf-ray: 1\r\nserver: cloudflare\r\nalt-svc: h3\r\nstrict-transport-security: x\r\naccess-control-allow-origin: *\r\n` +
        `x-multi: 1\r\nx-multi: 2\r\nkeep-alive: timeout=5\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
  });
  t.after(() => upstream.close());
  await using rig = await startRig();
  await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  const response = await rig.post('/v1/chat/completions', { model: 'gpt-4', messages: [] });
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), body);
  const headers = Object.fromEntries(response.headers);
  const { date, 'x-aigateway-request-id': id, ...rest } = headers;
  assert.ok(date);
  assert.match(id ?? '', /^req_/u);
  assert.deepEqual(rest, {
    connection: 'keep-alive',
    'content-type': 'application/json; x=y',
    'content-length': String(body.length),
    'keep-alive': 'timeout=75',
    'openai-version': '2020-10-01',
    'x-aigateway-account': rig.accounts[0],
    'x-aigateway-attempts': '1',
    'x-aigateway-cost-usd': '0.00015',
    'x-aigateway-provider': 'openai',
    'x-multi': '1, 2',
    'x-ratelimit-limit-requests': '60',
    'x-request-id': 'req_abc',
  });
});

for (const stream of [false, true]) {
  for (const status of ['200 OK', '400 Bad Request']) {
    test(`a byte order mark before the JSON of a ${status} is passed on, ${stream ? 'where a stream was asked for' : 'as SDKs skip it'}`, async (t) => {
      const body = Buffer.from(
        status === '200 OK'
          ? '\ufeff{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
          : '\ufeff {"error":{"message":"No","type":"invalid_request_error","param":null,"code":null}}',
      );
      const upstream = await startRawUpstream((socket) => void socket.write(jsonAnswer(body, status)));
      t.after(() => upstream.close());
      await using rig = await startRig();
      await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
      const response = await rig.post('/v1/chat/completions', { model: 'gpt-4', messages: [], stream });
      assert.equal(response.status, Number(status.slice(0, 3)));
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), body);
      assert.equal(upstream.requests.length, 1);
      const { data } = await rig.manage<{ data: { usage: unknown }[] }>('GET', '/requests');
      assert.deepEqual(
        data.map(({ usage }) => (usage as { completion_tokens?: number } | null)?.completion_tokens),
        status === '200 OK' ? [2] : [undefined],
      );
    });
  }
}

test('an error that names no secret comes back byte for byte, also where it is not the UTF-8 that it should be', async (t) => {
  const body = Buffer.from('{"error":{"message":"caf\u00e9","type":"invalid_request_error"}} \n', 'latin1');
  const upstream = await startRawUpstream(
    (socket, _request, n) => void socket.write(jsonAnswer(body, n === 1 ? '400 Bad Request' : '200 OK')),
  );
  t.after(() => upstream.close());
  await using rig = await startRig();
  await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  for (const calls of [1, 2]) {
    const response = await rig.post('/v1/chat/completions', { model: 'gpt-4', messages: [] });
    assert.deepEqual([response.status, Buffer.from(await response.arrayBuffer())], [400, body]);
    assert.equal(upstream.requests.length, calls);
  }
});

test(
  'each event of a stream goes on before the next has come, under headers that keep proxies from holding it back',
  { timeout: 30_000 },
  async (t) => {
    const events = ['a', 'b', 'c', 'd'].map(
      (text) => `data: {"choices":[{"index":0,"delta":{"content":"${text}"}}]}\n\n`,
    );
    const over = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
    let send = (_text: string): void => {};
    const upstream = await startRawUpstream((socket) => {
      send = (text) => void socket.write(chunked(Buffer.from(text)));
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: public, max-age=60\r\n' +
          'x-accel-buffering: yes\r\ntransfer-encoding: chunked\r\n\r\n',
      );
      send(events[0] ?? '');
    });
    t.after(() => upstream.close());
    await using rig = await startRig();
    await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
    const response = await rig.post('/v1/chat/completions', { model: 'gpt-4', messages: [], stream: true });
    const { headers } = response;
    assert.deepEqual(
      ['content-type', 'cache-control', 'x-accel-buffering', 'content-encoding', 'content-length'].map((name) =>
        headers.get(name),
      ),
      ['text/event-stream', 'no-cache', 'no', null, null],
    );
    const reader = response.body?.getReader();
    for (const [i, event] of events.entries()) {
      let text = '';
      while (text.length < event.length) text += Buffer.from((await reader?.read())?.value ?? []).toString();
      assert.equal(text, event);
      send(events[i + 1] ?? over);
    }
    let rest = '';
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
      rest += Buffer.from(read.value).toString();
    assert.equal(rest, over);
  },
);
