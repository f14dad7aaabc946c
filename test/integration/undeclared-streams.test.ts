// Streams that an upstream does not declare as such: OpenAI's SDKs read them all the same, so a client behind the gateway must too.
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { eventually } from '../support/await.ts';
import { chunked, lastChunk, startRawUpstream } from '../support/raw-upstream.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const events = [
  'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
  'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n',
  'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
];
const usage = 'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n';
const end = 'data: [DONE]\n\n';
const seen = events.join('') + end;
const sent = events.join('') + usage + end;
const whole = `{"choices":[{"index":0,"message":{"content":"data: Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}`;

/** A gateway before an upstream that answers with these pieces under this content type. */
async function begin(t: TestContext, contentType: string | null, pieces: readonly string[]): Promise<{ rig: Rig }> {
  const type = contentType === null ? '' : `content-type: ${contentType}\r\n`;
  const upstream = await startRawUpstream(async (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n${type}transfer-encoding: chunked\r\n\r\n`);
    for (const piece of pieces) {
      socket.write(chunked(Buffer.from(piece)));
      await new Promise(setImmediate);
    }
    socket.write(lastChunk);
  });
  t.after(() => upstream.close());
  const rig = await startRig({ settings: { MAX_ATTEMPTS: '1' } });
  t.after(() => rig.stop());
  await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  return { rig };
}

const latin = (text: string): string => Buffer.from(text).toString('latin1');
const stream = chat('gpt-4', { stream: true });

interface Booked {
  readonly outcome: string;
  readonly usage: { readonly completion_tokens: number } | null;
}

async function theOnlyRequest(rig: Rig): Promise<Booked> {
  let data: readonly Booked[] = [];
  await eventually('the request is booked', async () => {
    ({ data } = await rig.manage<{ data: Booked[] }>('GET', '/requests'));
    return data.length === 1;
  });
  return data[0] as Booked;
}

suite('a stream that was asked for', () => {
  for (const type of ['application/json', 'text/plain; charset=utf-8', 'application/octet-stream', null]) {
    test(`comes through under ${type ?? 'no content type'}, declared as what it is`, async (t) => {
      const { rig } = await begin(t, type, [sent]);
      const response = await rig.post('/v1/chat/completions', stream);
      assert.equal(await response.text(), seen);
      const { headers } = response;
      assert.deepEqual(
        [response.status, headers.get('content-type'), headers.get('cache-control'), headers.get('x-accel-buffering')],
        [200, 'text/event-stream; charset=utf-8', 'no-cache', 'no'],
      );
      const booked = await theOnlyRequest(rig);
      assert.deepEqual([booked.outcome, booked.usage?.completion_tokens], ['ok', 2]);
    });
  }

  for (const [name, before] of [
    ['a comment', ': wait\n\n'],
    ['a byte order mark', '\ufeff'],
    ['empty lines', '\r\n\n'],
    ['another field', 'event: message\n'],
  ] as const) {
    test(`comes through byte for byte where it begins with ${name}, in one piece and in many`, async (t) => {
      const { rig } = await begin(t, null, Array.from(before + sent));
      const other = await begin(t, null, [before + sent]);
      for (const each of [rig, other.rig]) {
        const response = await each.post('/v1/chat/completions', stream);
        // A text would have lost its byte order mark.
        assert.equal(Buffer.from(await response.arrayBuffer()).toString('latin1'), latin(before + seen));
      }
    });
  }

  test('that ends before the second of two choices began is no whole answer', async (t) => {
    const one = events.join('');
    for (const [pieces, outcome] of [
      [[one], 'stream_interrupted'],
      [[one.replaceAll('"index":0', '"index":1'), one], 'ok'],
      // Who sends the end mark says that this is all.
      [[one, end], 'ok'],
    ] as const) {
      const { rig } = await begin(t, 'text/event-stream', pieces);
      const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true, n: 2 }));
      const text = await response.text();
      assert.equal(text.includes('upstream_stream_interrupted'), outcome !== 'ok', text);
      assert.equal((await theOnlyRequest(rig)).outcome, outcome);
    }
  });

  test('that was the best of several is whole when it has ended', async (t) => {
    const { rig } = await begin(t, 'text/event-stream', [events.join('')]);
    const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true, best_of: 3 }));
    assert.doesNotMatch(await response.text(), /upstream_stream_interrupted/u);
    assert.equal((await theOnlyRequest(rig)).outcome, 'ok');
  });

  test('that breaks says so in the stream', async (t) => {
    const { rig } = await begin(t, 'text/plain', [events.slice(0, 2).join('')]);
    const text = await (await rig.post('/v1/chat/completions', stream)).text();
    assert.match(text, /"code":"upstream_stream_interrupted"/u);
  });
});

suite('what is no stream', () => {
  for (const [name, pieces] of [
    ['in one piece', [whole]],
    ['behind white space', [' \n', '\t', whole]],
  ] as const) {
    test(`JSON ${name} is a whole answer, though a stream was asked for`, async (t) => {
      const { rig } = await begin(t, 'application/json', pieces);
      const response = await rig.post('/v1/chat/completions', stream);
      assert.deepEqual(
        [response.status, response.headers.get('content-type'), await response.text()],
        [200, 'application/json', pieces.join('')],
      );
    });
  }

  for (const [name, pieces] of [
    ['nothing', []],
    ['white space', ['\n\n']],
    ['a page', ['<html></html>']],
    ['a sentence', ['error: out of service']],
  ] as const) {
    test(`${name} is no answer`, async (t) => {
      const { rig } = await begin(t, 'text/html', pieces);
      const response = await rig.post('/v1/chat/completions', stream);
      assert.equal(response.status, 502);
      assert.match(await response.text(), /"code":"upstream_invalid_response"/u);
    });
  }

  test('events that nobody asked for are none', async (t) => {
    const { rig } = await begin(t, 'application/json', [sent]);
    assert.equal((await rig.post('/v1/chat/completions', chat('gpt-4'))).status, 502);
  });
});
