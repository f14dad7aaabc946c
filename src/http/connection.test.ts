// Tests that a connection is ended only by what it is for: a limit that was there for one thing is not left for the next.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../lib/clock.ts';
import type { HttpExchange } from './exchange.ts';
import { HttpListener } from './listener.ts';

/** Who is idle may be so for long; all else has this much time, which a busy machine does not take. */
const patienceMs = 1000;
const limits = {
  headMs: patienceMs,
  requestMs: 60_000,
  keepAliveMs: 60_000,
  stallMs: patienceMs,
  checkEveryMs: 20,
};
/** More than the system takes at once for a client. */
const large = Buffer.alloc(32 << 20, 'x');
const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

/** A client of a listener that serves like this. */
async function startClient(t: TestContext, serve: (exchange: HttpExchange) => void): Promise<Socket> {
  const listener = new HttpListener({
    serve,
    isDraining: () => false,
    nowMs: () => systemClock.nowMs(),
    maxBodyBytes: 1000,
    maxConnections: 5,
    onConnectionRefused: () => {},
    limits,
  });
  await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
  const client = connect((listener.server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => {
    client.destroy();
    listener.close();
    listener.closeAll();
  });
  client.on('error', () => {});
  await once(client, 'connect');
  return client;
}

/** Reads on until the text has come; false where the connection is closed first. */
function hears(client: Socket, end: string): Promise<boolean> {
  if (client.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    let last = '';
    const onData = (piece: Buffer): void => {
      last = (last + piece.toString('latin1')).slice(-200);
      if (last.endsWith(end)) finish(true);
    };
    const onClose = (): void => finish(false);
    const finish = (isHeard: boolean): void => {
      client.off('data', onData).off('close', onClose);
      resolve(isHeard);
    };
    client.on('data', onData).on('close', onClose);
  });
}

function answer({ answer: to }: HttpExchange, body: Uint8Array | string): void {
  to.start(200, []);
  to.end(body);
}

test('a stream that its client was behind with may be silent afterwards', async (t) => {
  const client = await startClient(t, ({ answer: to }) => {
    to.start(200, []);
    assert.equal(to.write(large), false);
    to.onceWritable(() => void setTimeout(() => to.end('the end'), 2 * patienceMs));
  });
  client.write(request);
  assert.equal(await hears(client, 'the end\r\n0\r\n\r\n'), true);
});

test('the time for a head is counted from its first byte, not from the answer before', async (t) => {
  const client = await startClient(t, (exchange) => answer(exchange, 'ok'));
  client.write(request);
  assert.equal(await hears(client, 'ok'), true);
  await sleep(2 * patienceMs);
  client.write(request.slice(0, 10));
  await sleep(5 * limits.checkEveryMs);
  client.write(request.slice(10));
  assert.equal(await hears(client, 'ok'), true);
});
