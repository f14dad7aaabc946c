// A listener that has an error of its own while it listens goes on: a connection that could not be taken ends no gateway.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { listen } from './listen.ts';

test('a connection that cannot be taken for want of files ends neither the listener nor the process', async () => {
  const server = createServer((socket) => socket.end('served'));
  const url = await listen(server, { HOST: '127.0.0.1', PORT: 0 });
  // As node:net says it; without a listener of the event this line throws.
  server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE', syscall: 'accept' }));
  const client = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8');
  assert.deepEqual(await client.toArray(), ['served']);
  server.close();
});
