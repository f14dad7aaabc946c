// 50 bodies of 20 MB at once, each to an upstream that fails twice first, in a process of 512 MB: it lives, and goes on serving.
import assert from 'node:assert/strict';
import { createServer, request as send, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { startProgramRig, withoutProc, type ProgramRig } from '../support/program-rig.ts';

const clients = 50;
const bodyBytes = 20_000_000;
const processBytes = 512 << 20;
/** Requests that make room in the retry budget before the large ones come. */
const smallBefore = 600;
/** A client that is refused tries again like this, as an SDK does. */
const mostTries = 100;
const longestMs = 240_000;

const content = Buffer.alloc(bodyBytes, 'word ');

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Posts a chat request whose body is `text` and the pieces after it. */
function post(rig: ProgramRig, model: string, text: Buffer, extra = ''): Promise<Answer> {
  const start = Buffer.from(`{"model":"${model}"${extra},"messages":[{"role":"user","content":"`);
  const end = Buffer.from('"}]}');
  return new Promise((resolve, reject) => {
    const outgoing = send(`${rig.url}/v1/chat/completions`, {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': start.length + text.length + end.length },
    });
    outgoing.on('response', (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: body }));
    });
    outgoing.on('error', reject);
    outgoing.write(start);
    outgoing.write(text);
    outgoing.end(end);
  });
}

const answer =
  '{"id":"a","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}';
const stream = [
  'data: {"id":"a","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"ok"},"finish_reason":"stop"}]}',
  'data: {"id":"a","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}',
  'data: [DONE]',
  '',
].join('\n\n');

/** An upstream that keeps nothing of what it receives and answers every third request for a large body with success. */
async function startForgetful(): Promise<Server & { readonly url: string; largest: number }> {
  const tries = new Map<string, number>();
  const server = createServer((request, response) => {
    let head = '';
    let bytes = 0;
    request.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (head.length < 200) head += piece.toString('latin1', 0, 200);
    });
    request.on('end', () => {
      found.largest = Math.max(found.largest, bytes);
      const model = /"model":"([^"]+)"/u.exec(head)?.[1] ?? '';
      const n = (tries.get(model) ?? 0) + 1;
      tries.set(model, n);
      if (model.startsWith('gpt-4-large') && n % 3 !== 0) {
        response
          .writeHead(500, { 'content-type': 'application/json' })
          .end('{"error":{"message":"Fails.","type":"server_error"}}');
      } else if (head.includes('"stream":true')) {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).end(stream);
      } else response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const found = Object.assign(server, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    largest: 0,
  });
  return found;
}

suite('large bodies', { skip: withoutProc, timeout: longestMs }, () => {
  test('50 of 20 MB in parallel with two retries each, in 512 MB', async (context) => {
    await using rig = await startProgramRig({
      nodeOptions: '--max-old-space-size=256',
      settings: { LOG_LEVEL: 'warn', MAX_BODY_BYTES_IN_FLIGHT: '128MiB' },
    });
    const upstream = await startForgetful();
    context.after(() => {
      upstream.closeAllConnections();
      upstream.close();
    });
    await rig.manage('PATCH', '/providers/openai', { base_url: `${upstream.url}/v1` });
    const fresh = rig.memory('VmRSS');
    const small = async (): Promise<void> => {
      const { status, text } = await post(rig, 'gpt-4-small', Buffer.from('hello'));
      assert.equal(status, 200, text);
    };
    for (let n = 0; n < smallBefore; n += 10) await Promise.all(Array.from({ length: 10 }, small));

    const over = new AbortController();
    let smallServed = 0;
    const besides = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        await small();
        smallServed += 1;
      }
    });
    const refusals = new Map<string, number>();
    let mostAttempts = 0;
    const beganAt = performance.now();
    const large = Array.from({ length: clients }, async (_, i) => {
      for (let n = 1; n <= mostTries; n += 1) {
        const { status, headers, text } = await post(
          rig,
          `gpt-4-large-${i}`,
          content,
          i % 2 === 0 ? ',"stream":true' : '',
        );
        const attempts = Number(headers['x-aigateway-attempts'] ?? 0);
        mostAttempts = Math.max(mostAttempts, attempts);
        if (status === 200) return;
        const { error } = JSON.parse(text) as { error: { code: string; type: string; message: string } };
        const what = `${status} ${error.code} after ${attempts}`;
        refusals.set(what, (refusals.get(what) ?? 0) + 1);
        if (status === 503) assert.match(headers['retry-after'] ?? '', /^\d+$/u);
        else assert.equal(error.type, 'server_error', text);
        await new Promise((resolve) => setTimeout(resolve, Number(headers['retry-after'] ?? 1) * 1000));
      }
      assert.fail(`client ${i} was not served in ${mostTries} tries`);
    });
    await Promise.all(large).finally(() => over.abort());
    await Promise.all(besides);
    const peak = rig.memory('VmHWM');
    context.diagnostic(
      `${Math.round(performance.now() - beganAt)} ms; ${smallServed} small requests served beside them; ` +
        `${(fresh / (1 << 20)).toFixed(0)} MiB at the start, ${(peak / (1 << 20)).toFixed(0)} MiB at most; ` +
        `refused: ${[...refusals].map(([what, n]) => `${n} × ${what}`).join(', ')}`,
    );
    assert.equal(rig.program.process.exitCode, null, 'the program runs');
    assert.ok(peak < processBytes, `${peak} bytes at most`);
    assert.equal(mostAttempts, 3, 'some were served at the third attempt');
    assert.ok(smallServed > 0);
    assert.ok(upstream.largest > bodyBytes);
  });
});
