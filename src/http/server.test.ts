// What a balancer and a supervisor are told: a store that is away takes nobody out of rotation, an end does at once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { Lifecycle } from './lifecycle.ts';
import { createHttpServer } from './server.ts';
import { hearNoDelay } from '../../test/support/no-delay.ts';

interface Started {
  readonly port: number;
  readonly lifecycle: Lifecycle;
  readonly ask: (path: string) => Promise<unknown[]>;
}

/** A server that only tells how it is; `degraded` says which of its stores are away. */
async function start(t: TestContext, degraded: () => readonly string[]): Promise<Started> {
  const lifecycle = new Lifecycle();
  const nobody = async (): Promise<void> => assert.fail('nobody else is asked');
  const listener = createHttpServer({
    serve: nobody,
    management: nobody,
    metrics: async () => ({ text: '', type: 'text/plain' }),
    degraded,
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
  return { port, lifecycle, ask };
}

test('ready while it takes requests, with or without its stores; health while it lives', async (t) => {
  let degraded: readonly string[] = [];
  const { lifecycle, ask } = await start(t, () => degraded);
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

test('what is sent to a client waits for no word of it that what went before has come', async (t) => {
  const { port } = await start(t, () => []);
  const told = await hearNoDelay(t);
  const client = connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  client.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await once(client, 'data');
  assert.deepEqual(told(), [true]);
});
