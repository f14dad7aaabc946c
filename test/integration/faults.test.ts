// Every fault of an upstream: healed by the other account where it can be, said honestly where it cannot.
import assert from 'node:assert/strict';
import { after, suite, test } from 'node:test';
import type { MockScript } from '../../src/mock/script.ts';
import { eventually } from '../support/await.ts';
import { jsonAnswer, startRawUpstream } from '../support/raw-upstream.ts';
import { chat, setUp, startRig, type Rig, type RigOptions } from '../support/rig.ts';

interface ErrorAnswer {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

const badKey = 'sk-bad-key-0000000000001';
const goodKey = 'sk-good-key-000000000002';

/** Limits so short that no test waits long. */
const quick = { FIRST_BYTE_TIMEOUT_MS: '400', STREAM_IDLE_TIMEOUT_MS: '400', CONNECT_TIMEOUT_MS: '500' } as const;

/** A gateway for many tests. */
interface Stage {
  /** The gateway with two new accounts, of which nothing is known yet, until the test is over. */
  begin(script?: MockScript): Promise<Pick<Rig, 'post' | 'manage' | 'mock' | 'accounts'> & AsyncDisposable>;
}

/** Where everything fails, a gateway soon does without further attempts; so many tests it bears. */
const testsOnStage = 8;

/** A gateway of this suite, another one now and then; it is stopped after the last test. */
function stage(settings: RigOptions['settings'] = {}): Stage {
  let rig: Rig | undefined;
  let tests = 0;
  after(() => rig?.stop());
  return {
    async begin(script = {}) {
      if (tests % testsOnStage === 0) {
        await rig?.stop();
        rig = undefined;
      }
      tests += 1;
      rig ??= await startRig({ keys: [], settings });
      const started = rig;
      started.mock.reset();
      started.mock.setScript(script);
      const accounts = await setUp(started, started.mock, [badKey, goodKey]);
      return {
        ...started,
        accounts,
        async [Symbol.asyncDispose]() {
          for (const id of accounts) await started.manage('DELETE', `/accounts/${id}`);
        },
      };
    },
  };
}

/** One account with the fault, one without; the faulty one is asked first. */
function withFault(fault: string): MockScript {
  return { keys: { [badKey]: { fault } }, chunk_delay_ms: fault.startsWith('reset-mid') ? 20 : 0 };
}

async function readError(response: Response): Promise<ErrorAnswer['error']> {
  assert.equal(response.headers.get('content-type')?.split(';')[0], 'application/json');
  const { error } = (await response.json()) as ErrorAnswer;
  assert.deepEqual(Object.keys(error).sort(), ['code', 'message', 'param', 'type']);
  assert.doesNotMatch(error.message, /sk-(bad|good)/u);
  return error;
}

/** Faults that another account heals, streamed or not. */
const healed: readonly string[] = [
  '401',
  '401-echo-key',
  '401-deactivated',
  '404-model',
  '429',
  '429-no-retry-after',
  '429-retry-after-ms',
  '429-retry-after-date',
  '429-tokens',
  '429-insufficient-quota',
  '429-slow-down',
  '500',
  '502',
  '503',
  '503-overloaded',
  '504',
  'html',
  'empty',
  'not-http',
  'reset-before-headers',
  'silence-before-headers',
  'silence-after-headers',
  'redirect',
];

suite('healed by the other account', () => {
  const quickStage = stage(quick);
  for (const fault of healed) {
    for (const stream of [false, true]) {
      test(`${fault}, ${stream ? 'streamed' : 'whole'}`, async () => {
        await using rig = await quickStage.begin(withFault(fault));
        const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream }));
        const text = await response.text();
        assert.equal(response.status, 200, text);
        assert.match(text, stream ? /\[DONE\]/u : /one two three four five/u);
        assert.equal(response.headers.get('x-aigateway-attempts'), '2');
        assert.equal(response.headers.get('x-aigateway-account'), rig.accounts[1]);
      });
    }
  }

  for (const fault of [
    'error-first-event',
    'role-then-error',
    'role-then-silence',
    'empty-stream',
    'slow-first-token@3000',
  ]) {
    test(`${fault}, before any content`, async () => {
      await using rig = await quickStage.begin(withFault(fault));
      const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }));
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.equal(response.headers.get('x-aigateway-attempts'), '2');
      assert.equal(text.split('"role":"assistant"').length - 1, 1, 'one role chunk');
      assert.equal(new Set(text.match(/"id":"[^"]+"/gu)).size, 1, 'one id');
      assert.match(text, /\[DONE\]/u);
    });
  }

  test('truncated JSON under a 200', async () => {
    await using rig = await quickStage.begin(withFault('truncated-json'));
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('x-aigateway-attempts'), '2');
    assert.ok(await response.json());
  });
});

suite('the caller’s own fault passes through at once and benches nobody', () => {
  const usualStage = stage();
  for (const [fault, status] of [
    ['400', 400],
    ['400-context-length', 400],
    ['400-content-policy', 400],
    ['403-country', 403],
    ['404', 404],
    ['409', 409],
    ['413', 413],
    ['415', 415],
    ['422', 422],
    ['429-request-too-large', 429],
    ['should-retry-false', undefined],
  ] as const) {
    test(fault, async () => {
      await using rig = await usualStage.begin();
      const response = await rig.post('/v1/chat/completions', chat(`gpt-fault-${fault}`));
      if (status !== undefined) assert.equal(response.status, status);
      else assert.notEqual(response.status, 200);
      await readError(response);
      assert.equal(response.headers.get('x-aigateway-attempts'), '1');
      assert.equal(rig.mock.journal().entries.length, 1);
      const { data } = await rig.manage<{ data: { health: { status: string; per_model: unknown[] } }[] }>(
        'GET',
        '/accounts',
      );
      assert.deepEqual(
        data.map(({ health }) => [health.status, health.per_model]),
        [
          ['ok', []],
          ['ok', []],
        ],
      );
    });
  }
});

suite('when no account is left', () => {
  test('refused keys: 401 that names the labels and no key', async () => {
    await using rig = await startRig({ keys: [badKey, goodKey], script: { bad_keys: [badKey, goodKey] } });
    for (const attempts of ['2', '0']) {
      const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
      assert.equal(response.status, 401);
      assert.equal(response.headers.get('x-aigateway-attempts'), attempts);
      const error = await readError(response);
      assert.equal(error.code, 'invalid_api_key');
      assert.match(error.message, /Invalid API key.*"Account 1", "Account 2"/u);
    }
  });

  test('a model that no account has is booked alike, whether an upstream says so or the gateway knows', async () => {
    await using rig = await startRig({ script: { fault: '404-model' } });
    for (const attempts of ['1', '0']) {
      const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
      assert.deepEqual([response.status, (await readError(response)).code], [404, 'model_not_found']);
      assert.equal(response.headers.get('x-aigateway-attempts'), attempts);
    }
    let outcomes: string[] = [];
    await eventually('both are booked', async () => {
      const { data } = await rig.manage<{ data: { outcome: string }[] }>('GET', '/requests');
      outcomes = data.map(({ outcome }) => outcome);
      return outcomes.length === 2;
    });
    assert.deepEqual(outcomes, ['client_error', 'client_error']);
  });

  test('throttled: the exact Retry-After where the wait does not fit', async () => {
    await using rig = await startRig({ script: { fault: '429@30' }, settings: { QUEUE_TIMEOUT_MS: '0' } });
    const first = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(first.status, 429);
    assert.equal((await readError(first)).code, 'upstream_rate_limited');
    assert.equal(first.headers.get('x-aigateway-attempts'), '1');
    const second = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(second.status, 429);
    assert.equal((await readError(second)).code, 'upstream_rate_limited');
    assert.equal(second.headers.get('x-aigateway-attempts'), '0');
    const waitMs = Number(second.headers.get('retry-after-ms'));
    assert.ok(waitMs > 1000 && waitMs <= 30_000, String(waitMs));
    assert.equal(second.headers.get('retry-after'), String(Math.ceil(waitMs / 1000)));
  });

  for (const [fault, wait] of [
    ['429-no-retry-after@30', '30'],
    ['429-bare', '1'],
    ['429@20', '20'],
  ] as const) {
    test(`throttled, and no attempt is left: the upstream’s own words with a Retry-After, after ${fault}`, async () => {
      await using rig = await startRig({ script: { fault }, settings: { MAX_ATTEMPTS: '1' } });
      const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
      assert.deepEqual([response.status, (await readError(response)).code], [429, 'rate_limit_exceeded']);
      assert.equal(response.headers.get('retry-after'), wait);
    });
  }

  test('throttled after another account was tried: Retry-After still says until when, and no SDK multiplies the attempts', async () => {
    const keys = ['sk-first-key-00000000001', 'sk-other-key-00000000002'];
    await using rig = await startRig({ keys, script: { fault: '429@30' }, settings: { QUEUE_TIMEOUT_MS: '0' } });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.deepEqual([response.status, (await readError(response)).code], [429, 'upstream_rate_limited']);
    assert.equal(response.headers.get('x-aigateway-attempts'), '2');
    assert.equal(response.headers.get('retry-after'), '30');
    assert.equal(response.headers.get('x-should-retry'), 'false');
  });

  test('throttled: waits for Retry-After where it fits, and serves', async () => {
    await using rig = await startRig({ script: { fault: { fault: '429', first: 1 } } });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(response.status, 200);
    const [first, second] = rig.mock.journal().entries;
    assert.ok(Number(second?.at) - Number(first?.at) >= 990, 'not before Retry-After: 1');
  });

  test('500 on the only account: tried again with backoff, then the upstream’s own error and no retry by the SDK', async () => {
    await using rig = await startRig({ script: { fault: '500' } });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(response.status, 500);
    assert.equal((await readError(response)).type, 'server_error');
    assert.equal(response.headers.get('x-aigateway-attempts'), '3');
    assert.equal(response.headers.get('x-should-retry'), 'false');
    assert.equal(rig.mock.journal().entries.length, 3);
  });

  for (const [fault, status, code] of [
    ['html', 502, 'upstream_invalid_response'],
    ['502', 502, 'upstream_invalid_response'],
    ['not-http', 502, 'upstream_invalid_response'],
    ['reset-before-headers', 502, 'upstream_unavailable'],
    ['silence-before-headers', 504, 'upstream_timeout'],
    ['429-insufficient-quota', 429, 'insufficient_quota'],
  ] as const) {
    test(`${fault}: ${status} ${code}`, async () => {
      await using rig = await startRig({ script: { fault }, settings: { ...quick, MAX_ATTEMPTS: '2' } });
      const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }));
      assert.equal(response.status, status);
      assert.equal((await readError(response)).code, code);
    });
  }

  test('nothing listens: 502 upstream_unavailable', async () => {
    await using rig = await startRig();
    await rig.mock.close();
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(response.status, 502);
    assert.equal((await readError(response)).code, 'upstream_unavailable');
  });

  test('no account at all: 503 no_account', async () => {
    await using rig = await startRig({ keys: [] });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(response.status, 503);
    assert.equal((await readError(response)).code, 'no_account');
  });

  test('a wait that would outlast the whole time is not begun: the answer that came is the answer', async (t) => {
    const answer = JSON.stringify({ error: { message: 'Come later.', type: 'server_error', param: null, code: null } });
    const upstream = await startRawUpstream((socket) => {
      socket.write(jsonAnswer(answer, '500 Internal Server Error\r\nretry-after: 30'));
    });
    t.after(() => upstream.close());
    await using rig = await startRig();
    await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'), { 'x-aigateway-timeout-ms': '2000' });
    assert.equal(response.status, 500);
    assert.equal(await response.text(), answer);
    assert.equal(upstream.requests.length, 1);
  });

  test('the whole time is up: 504 that says so', async () => {
    await using rig = await startRig({ script: { fault: 'silence-before-headers' } });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'), { 'x-aigateway-timeout-ms': '200' });
    assert.equal(response.status, 504);
    assert.match((await readError(response)).message, /whole time of 200 ms/u);
  });
});

suite('after the first content', () => {
  const quickStage = stage(quick);
  const usualStage = stage();
  for (const [fault, code] of [
    ['cut-mid-stream', 'upstream_stream_interrupted'],
    ['reset-mid-stream@1200', 'upstream_stream_interrupted'],
    ['error-mid-stream', 'upstream_stream_interrupted'],
    ['silence-mid-stream', 'upstream_stream_stalled'],
    ['malformed-event', 'upstream_invalid_response'],
  ] as const) {
    test(`${fault}: an error event, no finish reason, no [DONE], no second call`, async () => {
      await using rig = await quickStage.begin(withFault(fault));
      const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }));
      assert.equal(response.status, 200);
      const text = await response.text();
      assert.match(text, new RegExp(`data: \\{"error":\\{[^\\n]*"code":"${code}"\\}\\}\\n\\n$`, 'u'));
      assert.match(text, /"message":"The answer is incomplete: [^"]*[^".]\.","type"/u);
      assert.doesNotMatch(text, /\[DONE\]|"finish_reason":"/u);
      assert.equal(rig.mock.journal().entries.length, 1);
    });

    test(`${fault} in buffered mode: rescued by the other account`, async () => {
      await using rig = await quickStage.begin(withFault(fault));
      const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }), {
        'x-aigateway-stream': 'buffered',
      });
      const text = await response.text();
      assert.match(text, /\[DONE\]/u);
      assert.doesNotMatch(text, /"error"/u);
      assert.equal(text.split('"role":"assistant"').length - 1, 1);
      assert.equal(response.headers.get('x-aigateway-attempts'), '2');
    });
  }

  test('a whole stream that lacks [DONE] is a success', async () => {
    await using rig = await usualStage.begin();
    const response = await rig.post('/v1/chat/completions', chat('gpt-fault-no-done', { stream: true }));
    const text = await response.text();
    assert.match(text, /"finish_reason":"stop"/u);
    assert.doesNotMatch(text, /"error"/u);
    assert.equal(rig.mock.journal().entries.length, 1);
  });

  for (const fault of [
    'byte-by-byte',
    'large-event',
    'gzip',
    'crlf',
    'comments',
    'usage-zero',
    'usage-missing',
    'usage-absurd',
  ]) {
    for (const stream of [true, false]) {
      test(`${fault} is no failure, ${stream ? 'streamed' : 'whole'}`, async () => {
        await using rig = await usualStage.begin();
        const response = await rig.post('/v1/chat/completions', chat(`gpt-fault-${fault}`, { stream }));
        const text = await response.text();
        assert.equal(response.status, 200, text.slice(0, 300));
        assert.equal(response.headers.get('content-encoding'), null);
        if (stream) assert.match(text, /\[DONE\]/u);
        else assert.ok(JSON.parse(text));
        assert.doesNotMatch(text.slice(-2000), /"error"/u);
      });
    }
  }
});

suite('an error under a 200', () => {
  for (const stream of [true, false]) {
    test(`that is the caller's comes back with the status it should have had, ${stream ? 'streamed' : 'whole'}`, async (t) => {
      const error = {
        message: "This model's maximum context length is 10 tokens.",
        type: 'invalid_request_error',
        param: 'messages',
        code: 'context_length_exceeded',
      };
      const body = Buffer.from(stream ? `data: ${JSON.stringify({ error })}\n\n` : JSON.stringify({ error }));
      const upstream = await startRawUpstream((socket) => {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: ${stream ? 'text/event-stream' : 'application/json'}\r\ncontent-length: ${body.length}\r\n\r\n`,
        );
        socket.write(body);
      });
      t.after(() => upstream.close());
      await using rig = await startRig({ keys: [badKey, goodKey] });
      await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
      const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream }));
      assert.equal(response.status, 400);
      assert.deepEqual(await readError(response), error);
      assert.equal(upstream.requests.length, 1);
    });
  }
});
