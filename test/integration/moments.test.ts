// What depends on the very moment: who is waited for, who is gone on to, and what follows when a client leaves in between.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Lease } from '../../src/pool/lease.ts';
import { errorAnswer, GatewayGround, goodAnswer } from '../support/gateway-ground.ts';
import { poolAccount } from '../support/pool-account.ts';

const a = poolAccount('a');
const origins = (ground: GatewayGround): string[] => ground.calls.map(({ origin }) => origin);

suite('a target without room before a fallback without any', () => {
  const waiting = { limits: { max_concurrency: 1 } };

  test('is waited for: the fallback cannot serve at all', async () => {
    const ground = new GatewayGround({
      accounts: [poolAccount('a', waiting)],
      fallbacks: [{ provider_id: 'second' }],
    });
    await ground.ask();
    const client = await ground.ask();
    assert.equal(client.isEnded, false, client.text);
    await ground.answer(0, 200, goodAnswer);
    await ground.answer(1, 200, goodAnswer);
    await client.done;
    assert.equal(client.status, 200);
    assert.deepEqual(origins(ground), ['https://openai.example', 'https://openai.example']);
  });

  test('is waited for where the fallback is free later', async () => {
    const ground = new GatewayGround({
      accounts: [a, poolAccount('b', { providerId: 'second' })],
      fallbacks: [{ provider_id: 'second' }],
    });
    const client = await ground.ask();
    await ground.answer(0, 429, errorAnswer('rate_limit_exceeded'), ['retry-after', '2']);
    await ground.answer(1, 429, errorAnswer('rate_limit_exceeded'), ['retry-after', '15']);
    await ground.clock.advance(1999);
    assert.equal(ground.calls.length, 2, client.text);
    await ground.clock.advance(2);
    assert.deepEqual(origins(ground), ['https://openai.example', 'https://second.example', 'https://openai.example']);
    await ground.answer(2, 200, goodAnswer);
    await client.done;
    assert.equal(client.status, 200);
  });

  test('says when to come back where the wait does not fit', async () => {
    const ground = new GatewayGround({
      accounts: [poolAccount('a', waiting)],
      fallbacks: [{ provider_id: 'second' }],
      settings: { QUEUE_TIMEOUT_MS: 0 },
    });
    await ground.ask();
    const client = await ground.ask();
    await client.done;
    assert.equal(client.status, 429);
    assert.match(client.text, /"code":"upstream_rate_limited"/u);
    assert.ok(client.headers.includes('retry-after'));
  });
});

test('a fallback that serves this failure is found behind one that does not', async () => {
  const ground = new GatewayGround({
    accounts: [a, poolAccount('b', { providerId: 'second' }), poolAccount('c', { providerId: 'third' })],
    fallbacks: [{ provider_id: 'second' }, { provider_id: 'third', on: ['context_length_exceeded'] }],
  });
  const client = await ground.ask();
  await ground.answer(0, 400, errorAnswer('context_length_exceeded'));
  assert.deepEqual(origins(ground), ['https://openai.example', 'https://third.example']);
  await ground.answer(1, 200, goodAnswer);
  await client.done;
  assert.equal(client.status, 200);
});

test('a long stream that tries an account whose rest has ended holds up nobody', async () => {
  const ground = new GatewayGround({ accounts: [a] });
  const refused = await ground.ask();
  await ground.answer(0, 401, errorAnswer('invalid_api_key'));
  await refused.done;
  await ground.clock.advance(300_001);
  await ground.ask({ stream: true });
  const { listener } = ground.calls[1] ?? assert.fail('the trial');
  listener.onHead(200, ['content-type', 'text/event-stream']);
  const early = await ground.ask();
  assert.equal(early.status, 401, 'whether the key is good is not known yet');
  listener.onData(
    Buffer.from(
      'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n',
    ),
  );
  const later = await ground.ask();
  assert.equal(ground.calls.length, 3, later.text);
  await ground.answer(2, 200, goodAnswer);
  await later.done;
  assert.equal(later.status, 200);
});

suite('where a client that goes means drain, nothing is begun for one that has gone', () => {
  const settings = { ON_CLIENT_DISCONNECT: 'drain' as const };

  test('at the moment of its turn', async () => {
    const ground = new GatewayGround({ accounts: [poolAccount('a', { limits: { max_concurrency: 1 } })], settings });
    const wish = { providerId: 'openai', model: 'gpt-4', tokens: 1, tried: [] };
    const other = ground.pool.acquire(wish, ground.clock.nowMs(), 0);
    assert.ok(other instanceof Lease);
    const client = await ground.ask();
    other[Symbol.dispose]();
    client.cancellation.cancel('client_gone');
    await ground.clock.advance(0);
    assert.deepEqual(ground.calls, []);
    await client.done;
    assert.deepEqual(
      ground.records.map(({ outcome, attempts }) => [outcome, attempts.length]),
      [['client_cancelled', 0]],
    );
    assert.equal(ground.pool.inFlight, 0);
  });

  test('while its connection is being made', async () => {
    const ground = new GatewayGround({ accounts: [a], settings });
    ground.isConnecting = true;
    const client = await ground.ask();
    client.cancellation.cancel('client_gone');
    await ground.clock.advance(0);
    assert.equal(ground.calls[0]?.isAborted, true);
    await client.done;
    assert.equal(ground.pool.inFlight, 0);
  });

  test('but an answer that is under way is read to its end', async () => {
    const ground = new GatewayGround({ accounts: [a], settings });
    const client = await ground.ask();
    client.cancellation.cancel('client_gone');
    await ground.clock.advance(0);
    assert.equal(ground.calls[0]?.isAborted, false);
    await ground.answer(0, 200, goodAnswer);
    await client.done;
    assert.equal(ground.records[0]?.usageSource, 'upstream');
  });
});
