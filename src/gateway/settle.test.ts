// Tests of how requests end: what is noted of each, what its client hears, and that nothing of it stays behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError, type ErrorCode } from '../core/errors.ts';
import type { Exchange, StopReason } from '../core/exchange.ts';
import type { GatewayParts } from './work.ts';
import { limitedKey } from '../../test/support/client-key.ts';
import { GatewayGround, goodAnswer } from '../../test/support/gateway-ground.ts';
import { poolAccount } from '../../test/support/pool-account.ts';

const accounts = [poolAccount('a')];

test('of a request that has been answered no timer is left', async () => {
  const ground = new GatewayGround({ accounts });
  const before = ground.clock.waiting;
  const client = await ground.ask();
  assert.ok(ground.clock.waiting > before);
  await ground.answer(0, 200, goodAnswer);
  await client.done;
  assert.equal(client.status, 200);
  assert.equal(ground.clock.waiting, before);
  assert.equal(ground.records[0]?.answerBytes, client.text.length);
});

test('what an answer used is noted when it is known, and only then', async () => {
  let tell = (_tokens: number): void => assert.fail('nothing is counted');
  const count = (): Promise<number> => new Promise((resolve) => (tell = resolve));
  const ground = new GatewayGround({ accounts, parts: { estimator: { count } } });
  const client = await ground.ask({ prompt: 'x'.repeat(100_000) });
  await ground.answer(0, 200, { ...goodAnswer, usage: undefined });
  await client.done;
  assert.deepEqual([client.status, client.isEnded, ground.records.length], [200, true, 0]);
  tell(7);
  await ground.clock.advance(0);
  const [record] = ground.records;
  assert.deepEqual([record?.usageSource, record?.usage?.completion_tokens], ['estimated', 7]);
});

test('each of our own errors says whose doing it was, and names the request', async () => {
  const codes: Readonly<Record<string, readonly ErrorCode[]>> = {
    client_error: ['invalid_json', 'invalid_client_key', 'model_not_allowed', 'forbidden', 'request_too_large'],
    rate_limited: ['rate_limit_exceeded', 'upstream_rate_limited', 'insufficient_quota'],
    budget_exceeded: ['budget_exceeded'],
    timeout: ['upstream_timeout'],
    gateway_error: ['gateway_error', 'overloaded', 'no_account', 'storage_unavailable'],
    upstream_error: ['upstream_unavailable', 'upstream_invalid_response', 'invalid_api_key'],
  };
  for (const [outcome, list] of Object.entries(codes))
    for (const code of list) {
      const ground = new GatewayGround({ accounts, parts: { refuseStranger: () => new GatewayError(code, 'No.') } });
      const client = await ground.ask();
      const { id, status } = ground.records[0] ?? {};
      assert.deepEqual(
        [ground.records[0]?.outcome, ground.records[0]?.errorCode, status],
        [outcome, code, client.status],
      );
      for (const name of ['x-request-id', 'x-aigateway-request-id'])
        assert.equal(client.headers[client.headers.indexOf(name) + 1], id, name);
    }
});

test('the log hears of what nobody expected, and of nothing else', async () => {
  const bug = new TypeError('x is not a function');
  const heard: unknown[] = [];
  const ask = async (thrown: Error | undefined, reason?: StopReason): Promise<number> => {
    const parts: Partial<GatewayParts> = {
      refuseStranger() {
        if (thrown instanceof GatewayError) return thrown;
        if (thrown !== undefined) throw thrown;
        return undefined;
      },
      onSettled: (_record, error) => void heard.push(error),
    };
    const ground = new GatewayGround({ accounts, parts });
    const client = await ground.ask();
    if (reason !== undefined) client.cancellation.cancel(reason);
    await client.done;
    // What a client that has gone was sent is estimated first.
    await ground.clock.advance(0);
    return client.status;
  };
  assert.equal(await ask(bug), 500);
  assert.equal(await ask(new GatewayError('upstream_unavailable', 'No.', { cause: bug })), 502);
  assert.equal(await ask(new GatewayError('forbidden', 'No.')), 403);
  assert.equal(await ask(undefined, 'shutdown'), 503);
  assert.equal(await ask(undefined, 'client_gone'), 0);
  assert.deepEqual(heard, [bug, bug, undefined, undefined, undefined]);
});

test('the list of models is an answer like any other, and what cannot be asked that way is an error of the client', async () => {
  const ground = new GatewayGround({ accounts });
  const rows: readonly (readonly [change: Partial<Exchange>, noted: readonly unknown[]])[] = [
    [{ method: 'GET', path: '/v1/models' }, ['models', 200, 'ok', null]],
    [{ method: 'POST', path: '/v1/models' }, ['models', 405, 'client_error', 'method_not_allowed']],
    [{ method: 'GET', path: '/v1/models/none' }, ['models', 404, 'client_error', 'model_not_found']],
    [{ method: 'GET', path: '/v1/other' }, ['other', 404, 'client_error', 'not_found']],
    [{ method: 'GET' }, ['chat_completions', 405, 'client_error', 'method_not_allowed']],
    [{ header: () => 'text/plain' }, ['chat_completions', 415, 'client_error', 'unsupported_media_type']],
  ];
  for (const [change, noted] of rows) {
    const client = await ground.ask({}, change);
    await client.done;
    const { endpoint, status, outcome, errorCode } = ground.records.at(-1) ?? {};
    assert.deepEqual([endpoint, status, outcome, errorCode], noted, JSON.stringify(change));
    assert.equal(client.status, noted[1]);
  }
  assert.equal(ground.records.length, rows.length);
});

/** A ground whose one client key is refused by its own limits, and has been so often that the next answer has to wait. */
async function refusedGround(): Promise<GatewayGround> {
  const key = limitedKey({ maxConcurrency: 1 });
  const parts: Partial<GatewayParts> = {
    clientKeys: { isEmpty: false, find: () => ({ key, isActive: true, replacedAtMs: null }), isFresh: () => true },
    limiter: {
      reserve() {
        throw new GatewayError('rate_limit_exceeded', 'Too many.');
      },
    } as unknown as GatewayParts['limiter'],
  };
  const ground = new GatewayGround({ accounts, parts });
  for (let i = 0; i < 1200; i += 1) await ground.ask({}, asked('600000'));
  return ground;
}

function asked(timeoutMs: string): Partial<Exchange> {
  const headers = [
    'content-type',
    'application/json',
    'authorization',
    'Bearer agw_test',
    'x-aigateway-timeout-ms',
    timeoutMs,
  ];
  return { headers, header: (name) => headers[headers.indexOf(name) + 1] };
}

test('a refusal that is put off comes within the time of its request', async () => {
  const ground = await refusedGround();
  const client = await ground.ask({}, asked('300'));
  await ground.clock.advance(298);
  assert.equal(client.status, 0);
  await ground.clock.advance(1);
  assert.equal(client.status, 429);
  await client.done;
});

test('who leaves while a refusal is put off hears nothing, and that is what is noted', async () => {
  const ground = await refusedGround();
  const noted = ground.records.length;
  const client = await ground.ask({}, asked('600000'));
  client.cancellation.cancel('client_gone');
  await client.done;
  assert.deepEqual([client.status, client.isEnded], [0, false]);
  const { outcome, errorCode } = ground.records.at(-1) ?? {};
  assert.equal(ground.records.length, noted + 1);
  assert.deepEqual([outcome, errorCode], ['client_cancelled', null]);
});
