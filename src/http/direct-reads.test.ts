// Reads of a socket are handed over past its stream's queue: at once, all of them, in order, and no more while it is paused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DirectReads } from './direct-reads.ts';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly reads: DirectReads;
  readonly taken: Buffer[];
  readonly bytes: () => number;
}

async function connected(t: TestContext): Promise<Pair> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const taken: Buffer[] = [];
  const pair = Promise.withResolvers<Pick<Pair, 'server' | 'reads'>>();
  listener.once('connection', (server: Socket) => {
    server.on('error', () => {});
    pair.resolve({ server, reads: new DirectReads(server, (bytes) => taken.push(bytes)) });
  });
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  const { server, reads } = await pair.promise;
  t.after(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { client, server, reads, taken, bytes: () => taken.reduce((sum, { length }) => sum + length, 0) };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5);
}

suite('the reads of a socket', () => {
  test('come as they are, none of them by way of the queue, and then the end', async (t) => {
    const { client, server, taken, bytes } = await connected(t);
    const ended = once(server, 'end');
    const queued = t.mock.method(server, 'emit');
    const sent = Buffer.alloc(300_000, 'ab cd');
    client.write('first');
    await until(() => bytes() === 5);
    client.end(sent);
    await ended;
    assert.deepEqual(Buffer.concat(taken), Buffer.concat([Buffer.from('first'), sent]));
    // Where Node passes them on in another way some day, this says so: all else goes on.
    assert.equal(queued.mock.calls.filter(({ arguments: [event] }) => event === 'data').length, 0);
  });

  test('stop where it is paused, and go on behind that', async (t) => {
    const { client, server, reads, taken, bytes } = await connected(t);
    const sent = Buffer.alloc(8 << 20, '0123456789');
    client.write('a');
    await until(() => bytes() === 1);
    reads.pause();
    client.end(sent);
    await sleep(100);
    const [paused, count] = [bytes(), taken.length];
    assert.ok(count <= 2, `${count} reads, the one before the pause included`);
    await sleep(50);
    assert.equal(bytes(), paused);
    const ended = once(server, 'end');
    reads.resume();
    await ended;
    assert.equal(bytes(), sent.length + 1);
    assert.deepEqual(Buffer.concat(taken).subarray(1), sent);
  });

  test('may be paused and taken up again within one of them, and when all is over', async (t) => {
    const { client, server, reads, bytes } = await connected(t);
    client.write('a');
    await until(() => bytes() === 1);
    for (let i = 0; i < 3; i += 1) {
      reads.pause();
      reads.resume();
      client.write('b');
      await until(() => bytes() === 2 + i);
    }
    reads.pause();
    server.destroy();
    reads.resume();
    await once(server, 'close');
    assert.equal(server.listenerCount('connect'), 0);
  });
});
