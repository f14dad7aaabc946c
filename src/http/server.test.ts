// What a balancer and a supervisor are told: a store that is away takes nobody out of rotation, an end does at once.
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { Lifecycle } from './lifecycle.ts';
import { createHttpServer } from './server.ts';

test('ready while it takes requests, with or without its stores; health while it lives', async (t) => {
  let degraded: readonly string[] = [];
  const lifecycle = new Lifecycle();
  const nobody = async (): Promise<void> => assert.fail('nobody else is asked');
  const listener = createHttpServer({
    serve: nobody,
    management: nobody,
    metrics: async () => ({ text: '', type: 'text/plain' }),
    degraded: () => degraded,
    lifecycle,
    clock: systemClock,
    maxBodyBytes: 1000,
    maxConnections: 5,
    onConnectionRefused: () => {},
    isLocal: true,
  });
  t.after(() => {
    listener.close();
    listener.closeAll();
  });
  await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
  const { port } = listener.server.address() as AddressInfo;
  const ask = async (path: string): Promise<unknown[]> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return [answer.status, await answer.json()];
  };

  assert.deepEqual(await ask('/ready'), [503, { status: 'starting' }]);
  lifecycle.open();
  assert.deepEqual(await ask('/ready'), [200, { status: 'ready' }]);
  degraded = ['database', 'redis', 'ledger_disk'];
  assert.deepEqual(await ask('/ready'), [200, { status: 'ready', degraded }]);
  assert.deepEqual(await ask('/health'), [200, { status: 'ok' }]);
  void lifecycle.drain({ close: () => {}, closeAll: () => {} }, systemClock, 0);
  assert.deepEqual(await ask('/ready'), [503, { status: 'draining', degraded }]);
  assert.deepEqual(await ask('/health'), [200, { status: 'ok' }]);
});
