// The retry budget of a provider: what is counted against it is a retry that was made, not one for which nobody was left.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { chat, startRig } from '../support/rig.ts';

const whole = '{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}';

function reply(socket: Socket, status: string, body: string): void {
  socket.write(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n`);
  socket.write(`${status.startsWith('429') ? 'retry-after: 30\r\n' : ''}content-length: ${body.length}\r\n\r\n${body}`);
}

test('many requests that are throttled at once and have nowhere to go leave it to those that can be retried', async (t) => {
  const together = 12;
  const held: Socket[] = [];
  let failed = 0;
  const upstream = await startRawUpstream((socket, { body }) => {
    if (body.includes('"gpt-4o"')) {
      failed += 1;
      if (failed === 1) reply(socket, '500 Internal Server Error', '{"error":{"message":"x","code":null}}');
      else reply(socket, '200 OK', whole);
      return;
    }
    held.push(socket);
    if (held.length < together) return;
    const error = '{"error":{"message":"Rate limit","type":"requests","code":"rate_limit_exceeded"}}';
    for (const each of held) reply(each, '429 Too Many Requests', error);
  });
  t.after(() => upstream.close());
  await using rig = await startRig({ settings: { QUEUE_TIMEOUT_MS: '0' } });
  await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  const throttled = await Promise.all(
    Array.from({ length: together }, () => rig.post('/v1/chat/completions', chat('gpt-4'))),
  );
  for (const response of throttled) {
    const { error } = (await response.json()) as { error: { code: string } };
    assert.deepEqual([response.status, error.code], [429, 'upstream_rate_limited']);
    assert.equal(response.headers.get('x-aigateway-attempts'), '1');
    assert.equal(response.headers.get('retry-after'), '30');
  }
  const served = await rig.post('/v1/chat/completions', chat('gpt-4o'));
  assert.equal(served.status, 200);
  assert.equal(served.headers.get('x-aigateway-attempts'), '2');
});

test('connections that the upstream has let go meanwhile use up no retries', async (t) => {
  const used = new Set<Socket>();
  const upstream = await startRawUpstream((socket) => {
    if (used.has(socket)) {
      socket.destroy();
      return;
    }
    used.add(socket);
    reply(socket, '200 OK', whole);
  });
  t.after(() => upstream.close());
  await using rig = await startRig();
  await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url });
  const heard: (string | number | null)[][] = [];
  // More of them than the retries that every provider is granted in ten seconds.
  for (let i = 0; i < 14; i += 1) {
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    await response.text();
    heard.push([response.status, response.headers.get('x-aigateway-attempts')]);
  }
  assert.deepEqual(heard, [[200, '1'], ...Array.from({ length: 13 }, () => [200, '2'])]);
});
