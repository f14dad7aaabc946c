// Every row of the fault table, on the wire: with a stream and without.
import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { gunzipSync, createGunzip } from 'node:zlib';
import { FAULTS } from '../../src/mock/faults/table.ts';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { chat, events, KEY, post, start, wire, type Wire } from './support.ts';

/** What is expected of a fault, streamed and whole. */
interface Expectation {
  readonly streamed: (wire: Wire) => void;
  readonly whole: (wire: Wire) => void;
}

function both(check: (wire: Wire) => void): Expectation {
  return { streamed: check, whole: check };
}

/** An error answer with this status and code, and headers that match. */
function refusal(status: number, code: string | null, ...patterns: readonly RegExp[]): Expectation {
  return both((wire) => {
    assert.match(wire.head, new RegExp(`^http/1.1 ${status} `));
    assert.match(wire.head, /content-type: application\/json/);
    const { error } = JSON.parse(wire.text) as { error: Record<string, unknown> };
    assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code']);
    assert.equal(error['code'], code);
    for (const pattern of patterns) assert.match(`${wire.head}\n\n${JSON.stringify(error)}`, pattern);
  });
}

function html(status: number): Expectation {
  return both((wire) => {
    assert.match(wire.head, new RegExp(`^http/1.1 ${status} `));
    assert.match(wire.head, /content-type: text\/html/);
    assert.doesNotMatch(wire.head, /x-request-id/);
    assert.match(wire.text, /^<html>/);
  });
}

/** How a connection without an answer ends. */
function nothing(end: Wire['end']): Expectation {
  return both((wire) => assert.deepEqual([wire.head, wire.body.length, wire.end], ['', 0, end]));
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { content?: string; role?: string };
    readonly finish_reason?: unknown;
  }[];
  readonly error?: unknown;
  readonly usage?: unknown;
}

/** The stream in letters: r role, c content, f finish, u usage, E error, D done. */
function shape(wire: Wire): string {
  return events(wire.text)
    .map((item) => {
      if (item === '[DONE]') return 'D';
      const { choices, error } = item as Chunk;
      if (error !== undefined) return 'E';
      const choice = choices?.[0];
      if (choice === undefined) return 'u';
      if (choice.finish_reason !== null) return 'f';
      return choice.delta?.role === undefined ? 'c' : 'r';
    })
    .join('');
}

/** The whole stream: role, seven words, finish, usage, done. */
const WHOLE = 'rcccccccfuD';

function stream(letters: string, end: 'whole' | 'cut' | 'open' | 'reset' = 'whole'): (wire: Wire) => void {
  return (wire) => {
    assert.match(wire.head, /^http\/1.1 200 ok/);
    assert.match(wire.head, /content-type: text\/event-stream/);
    assert.equal(shape(wire), letters);
    assert.deepEqual([wire.isWhole, wire.end], [end === 'whole', end === 'whole' || end === 'cut' ? 'fin' : end]);
  };
}

function answer(check: (body: Record<string, never>) => void = () => undefined): (wire: Wire) => void {
  return (wire) => {
    assert.match(wire.head, /^http\/1.1 200 ok/);
    assert.equal(wire.end, 'fin');
    check(JSON.parse(wire.text) as Record<string, never>);
  };
}

/** A whole answer cut somewhere. */
function cutAnswer(end: Wire['end'], isWhole: boolean): (wire: Wire) => void {
  return (wire) => {
    assert.match(wire.head, /^http\/1.1 200 ok/);
    assert.ok(wire.body.length > 100);
    assert.throws(() => JSON.parse(wire.text) as unknown);
    assert.deepEqual([wire.end, wire.isWhole], [end, isWhole]);
  };
}

const errorUnder200 = answer((body) => assert.ok('error' in body));

/** By fault name; a test below holds that none is missing. Names with a parameter run as well. */
const EXPECTED: Readonly<Record<string, Expectation>> = {
  '401': refusal(401, 'invalid_api_key', /sk-test-\*{12}cdef/),
  '401-echo-key': refusal(401, 'invalid_api_key', new RegExp(KEY)),
  '401-deactivated': refusal(401, 'account_deactivated'),
  '400': refusal(400, 'invalid_value'),
  '400-context-length': refusal(400, 'context_length_exceeded', /maximum context length/),
  '400-content-policy': refusal(400, 'content_policy_violation'),
  '403-country': refusal(403, 'unsupported_country_region_territory'),
  '403-key': refusal(403, null, /insufficient permissions/),
  '404': refusal(404, null, /Invalid URL \(POST /),
  '404-model': refusal(404, 'model_not_found', /gpt-fault-404-model/),
  '409': refusal(409, null),
  '413': refusal(413, null),
  '415': refusal(415, null),
  '422': refusal(422, null),
  '429': refusal(429, 'rate_limit_exceeded', /retry-after: 1\r\n/, /again in 1s/, /remaining-requests: 0/),
  '429@7': refusal(429, 'rate_limit_exceeded', /retry-after: 7\r\n/, /again in 7s/),
  '429-no-retry-after': refusal(
    429,
    'rate_limit_exceeded',
    /^(?![^]*\nretry-after)/,
    /again in 1s/,
    /reset-requests: 1s/,
  ),
  '429-bare': refusal(429, 'rate_limit_exceeded', /^(?![^]*(\nretry-after|\nx-ratelimit|again))/),
  '429-retry-after-ms': refusal(429, 'rate_limit_exceeded', /retry-after-ms: 1500/, /^(?![^]*\nretry-after: )/),
  '429-retry-after-date': refusal(429, 'rate_limit_exceeded', /retry-after: \w{3}, \d\d \w{3} \d{4} [\d:]{8} gmt/),
  '429-tokens': refusal(429, 'rate_limit_exceeded', /"type":"tokens"/, /retry-after: 2\r\n/, /retry-after-ms: 1500/),
  '429-request-too-large': refusal(429, 'rate_limit_exceeded', /Request too large for/, /^(?![^]*\nretry-after)/),
  '429-insufficient-quota': refusal(429, 'insufficient_quota', /"type":"insufficient_quota"/),
  '429-slow-down': refusal(429, 'slow_down', /"type":"rate_limit_error"/),
  '500': refusal(500, null, /"type":"server_error"/),
  '502': html(502),
  '503': refusal(503, null),
  '503-retry-after': refusal(503, null, /retry-after: 1\r\n/),
  '503-overloaded': refusal(503, 'server_is_overloaded'),
  '504': html(504),
  'should-retry-false': refusal(500, null, /x-should-retry: false/),
  'should-retry-true-400': refusal(400, null, /x-should-retry: true/),
  html: html(200),
  empty: both((wire) => {
    assert.match(wire.head, /^http\/1.1 200 ok[^]*content-length: 0/);
    assert.deepEqual([wire.body.length, wire.end], [0, 'fin']);
  }),
  'truncated-json': {
    streamed: (wire) => {
      assert.ok(wire.isWhole && wire.end === 'fin');
      assert.match(wire.text, /"Echo:"[^]*\n\ndata: \{"id"[^\n]*[^}\n]$/);
    },
    whole: cutAnswer('fin', true),
  },
  'short-body': { streamed: stream('rcc', 'cut'), whole: cutAnswer('fin', false) },
  'not-http': both((wire) => {
    assert.match(wire.text, /220 mail/);
    assert.deepEqual([wire.head, wire.end], ['', 'fin']);
  }),
  redirect: both((wire) => {
    assert.match(wire.head, /^http\/1.1 302 [^]*location: https:\/\/redirected\.example\.com\/v1\/chat\/completions/);
  }),
  'silence-before-headers': nothing('open'),
  'silence-after-headers': {
    streamed: stream('', 'open'),
    whole: (wire) => {
      assert.match(wire.head, /^http\/1.1 200 ok/);
      assert.deepEqual([wire.body.length, wire.end], [0, 'open']);
    },
  },
  'silence-mid-stream': { streamed: stream('rcc', 'open'), whole: cutAnswer('open', false) },
  'silence-mid-stream@4': { streamed: stream('rcccc', 'open'), whole: cutAnswer('open', false) },
  'close-before-headers': nothing('fin'),
  'reset-before-headers': nothing('reset'),
  'reset-on-reuse': { streamed: stream(WHOLE), whole: answer() },
  'reset-mid-stream': both((wire) => assert.deepEqual([wire.body.length, wire.end], [700, 'reset'])),
  'reset-mid-stream@0': both((wire) => {
    assert.match(wire.head, /^http\/1.1 200 ok/);
    assert.deepEqual([wire.body.length, wire.end], [0, 'reset']);
  }),
  'reset-mid-stream@123': both((wire) => assert.deepEqual([wire.body.length, wire.end], [123, 'reset'])),
  'cut-mid-stream': { streamed: stream('rcc'), whole: cutAnswer('fin', true) },
  'cut-mid-stream@99': { streamed: stream('rccccccc'), whole: cutAnswer('fin', true) },
  'no-done': { streamed: stream('rcccccccfu'), whole: answer() },
  'no-finish-reason': { streamed: stream('rcccccccuD'), whole: answer() },
  'empty-stream': both((wire) => assert.deepEqual([wire.body.length, wire.end], [0, 'fin'])),
  'only-done': { streamed: stream('D'), whole: answer((body) => assert.deepEqual(body, {})) },
  'error-first-event': { streamed: stream('E'), whole: errorUnder200 },
  'error-mid-stream': { streamed: stream('rccE'), whole: errorUnder200 },
  'role-then-error': { streamed: stream('rE'), whole: errorUnder200 },
  'role-then-silence': { streamed: stream('r', 'open'), whole: cutAnswer('open', false) },
  'role-then-cut': { streamed: stream('r'), whole: cutAnswer('fin', true) },
  'malformed-event': {
    streamed: (wire) => {
      const broken = /data: \{"id":"chatcmpl-malformed".*\n\n/;
      const before = wire.text.slice(0, wire.text.search(broken));
      assert.equal(shape({ ...wire, text: before }), 'rc');
      assert.equal(shape({ ...wire, text: wire.text.replace(broken, '') }), WHOLE);
    },
    whole: cutAnswer('fin', true),
  },
  'large-event': {
    streamed: (wire) => {
      stream(WHOLE)(wire);
      const first = events(wire.text)[1] as Chunk;
      assert.equal(first.choices?.[0]?.delta?.content?.length, 5_000_000);
    },
    whole: answer((body) => assert.ok(JSON.stringify(body).length > 5_000_000)),
  },
  comments: {
    streamed: (wire) => {
      stream(WHOLE)(wire);
      assert.equal(wire.text.split(': ping\n\n').length, WHOLE.length + 1);
    },
    whole: (wire) => {
      answer()(wire);
      assert.match(wire.text, /^\n\n\{/);
    },
  },
  crlf: {
    streamed: (wire) => {
      stream(WHOLE)(wire);
      assert.doesNotMatch(wire.text, /[^\r]\n/);
    },
    whole: answer(),
  },
  cr: {
    streamed: (wire) => {
      stream(WHOLE)(wire);
      assert.doesNotMatch(wire.text, /\n/);
    },
    whole: answer(),
  },
  'slow-headers@60': { streamed: stream(WHOLE), whole: answer() },
  'slow-first-token@60': { streamed: stream(WHOLE), whole: answer() },
  'slow-trickle@5': { streamed: stream(WHOLE), whole: answer() },
  'byte-by-byte': { streamed: stream(WHOLE), whole: answer() },
  gzip: {
    streamed: (wire) => {
      assert.match(wire.head, /content-encoding: gzip/);
      stream(WHOLE)({ ...wire, text: gunzipSync(wire.body).toString() });
    },
    whole: (wire) => {
      assert.match(wire.head, /content-encoding: gzip/);
      answer()({ ...wire, text: gunzipSync(wire.body).toString() });
    },
  },
  'no-rate-limit-headers': both((wire) => {
    assert.match(wire.head, /x-request-id/);
    assert.doesNotMatch(wire.head, /x-ratelimit/);
  }),
  'wrong-content-type': both((wire) => assert.match(wire.head, /^http\/1.1 200 ok[^]*content-type: text\/plain/)),
  'usage-zero': { streamed: usage('{"prompt_tokens":0,"completion_tokens":0,'), whole: usage('"total_tokens": 0') },
  'usage-missing': { streamed: stream('rcccccccfD'), whole: answer((body) => assert.ok(!('usage' in body))) },
  'usage-absurd': { streamed: usage('"prompt_tokens":-7'), whole: usage('"total_tokens": "many"') },
};

function usage(text: string): (wire: Wire) => void {
  return (wire) => assert.ok(wire.isWhole && wire.text.includes(text));
}

async function ask(mock: Mock, fault: string, isStreamed: boolean): Promise<Wire> {
  const streaming = isStreamed ? { stream: true, stream_options: { include_usage: true } } : {};
  return wire(mock, chat({ model: `gpt-fault-${fault}`, ...streaming }));
}

test('every fault has its expectation here', () => {
  const tested = new Set(Object.keys(EXPECTED).map((name) => name.replace(/@\d+$/, '')));
  assert.deepEqual(
    Object.keys(FAULTS).filter((name) => !tested.has(name)),
    [],
  );
});

test('every fault does on the wire what it says', async (t) => {
  const mock = await startMock();
  t.after(() => mock.close());
  for (const [fault, expectation] of Object.entries(EXPECTED)) {
    await t.test(fault, async () => {
      const [streamed, whole] = await Promise.all([ask(mock, fault, true), ask(mock, fault, false)]);
      expectation.streamed(streamed);
      expectation.whole(whole);
    });
  }
});

test('the table is listed with a sentence each', async (t) => {
  const mock = await start(t);
  const { faults } = (await (await fetch(`${mock.url}/__faults`)).json()) as {
    faults: { name: string; about: string; parameter: unknown }[];
  };
  assert.equal(faults.length, Object.keys(FAULTS).length);
  for (const { name, about } of faults) {
    assert.match(name, /^[a-z0-9-]+$/);
    assert.match(about, /\.$/);
  }
  assert.deepEqual(faults.find(({ name }) => name === 'slow-first-token')?.parameter, {
    meaning: 'milliseconds',
    byDefault: 2000,
  });
});

test('slow faults are slow where they say', async (t) => {
  const mock = await start(t);
  const times = async (fault: string) => {
    const before = performance.now();
    const response = await post(mock, chat({ model: `gpt-fault-${fault}`, stream: true }));
    const headMs = performance.now() - before;
    await response.text();
    return { headMs, totalMs: performance.now() - before };
  };
  const late = await times('slow-headers@80');
  assert.ok(late.headMs >= 75);
  const first = await times('slow-first-token@500');
  assert.ok(first.headMs < 400 && first.totalMs >= 495, JSON.stringify(first));
  const trickle = await times('slow-trickle@80');
  assert.ok(trickle.headMs < 400 && trickle.totalMs >= 520, JSON.stringify(trickle));
});

test('byte-by-byte really comes in crumbs', async (t) => {
  const mock = await start(t);
  const { reads, body } = await wire(mock, chat({ model: 'gpt-fault-byte-by-byte', stream: true }));
  assert.ok(reads.length > body.length / 4, `${reads.length} reads of ${body.length} bytes`);
});

test('a gzip stream can be unpacked event by event', async (t) => {
  const mock = await start(t, { script: { chunk_delay_ms: 30 } });
  const pending = await wire(mock, chat({ model: 'gpt-fault-gzip', stream: true }), 20);
  const gunzip = createGunzip();
  const text = new Promise<string>((resolve) => gunzip.once('data', (data: Buffer) => resolve(data.toString())));
  gunzip.write(pending.body);
  assert.match(await text, /^data: \{.*"role":"assistant".*\n\n/);
  assert.equal(pending.isWhole, false);
});

test('reset-on-reuse leaves the first request of a connection alone', async (t) => {
  const mock = await start(t, { script: { fault: 'reset-on-reuse' } });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const ask = () =>
    new Promise<number | string>((resolve) => {
      const options = { agent, method: 'POST', headers: { authorization: `Bearer ${KEY}` } };
      const request = httpRequest(`${mock.url}/v1/chat/completions`, options);
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      request.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)));
      request.end(JSON.stringify(chat()));
    });
  assert.deepEqual([await ask(), await ask(), await ask()], [200, 'ECONNRESET', 200]);
  assert.deepEqual(
    mock.journal().entries.map((entry) => entry.socket),
    [1, 1, 2],
  );
});

test('a fault of the wire leaves refusals and limits as they are', async (t) => {
  const mock = await start(t, { script: { fault: 'truncated-json', rpm: 1 }, now: () => 0 });
  assert.equal((await post(mock, chat({ n: 0 }))).status, 400);
  assert.equal((await post(mock, chat())).status, 200);
  assert.equal((await post(mock, chat())).status, 429);
});
