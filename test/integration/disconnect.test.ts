// Clients that go away: the upstream is closed within half a second, nothing more is sent, and nothing stays behind.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

/** Sends a request over a bare socket, so that the test decides how it ends. */
function sendRaw(url: string, body: unknown): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const bytes = Buffer.from(JSON.stringify(body));
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n`,
      );
      socket.write(bytes);
      resolve(socket);
    });
    socket.on('error', () => {});
  });
}

const endings: Readonly<Record<string, (socket: Socket) => void>> = {
  RST: (socket) => void socket.resetAndDestroy(),
  FIN: (socket) => void socket.end(),
};

interface Phase {
  readonly model: string;
  /** The upstream has got as far as the phase says. */
  readonly isReached: (rig: Rig, received: () => number) => boolean;
  readonly calls: number;
}

const phases: Readonly<Record<string, Phase>> = {
  'waiting for headers': {
    model: 'gpt-fault-silence-before-headers',
    isReached: (rig) => rig.mock.journal().entries.length === 1,
    calls: 1,
  },
  'waiting for the first token': {
    model: 'gpt-fault-role-then-silence',
    isReached: (rig) => (rig.mock.journal().entries[0]?.bytes_out ?? 0) > 200,
    calls: 1,
  },
  'in the middle of a stream': {
    model: 'gpt-fault-silence-mid-stream',
    isReached: (_rig, received) => received() > 500,
    calls: 1,
  },
  'backing off': {
    model: 'gpt-fault-429',
    isReached: (rig) => rig.mock.journal().entries[0]?.open === false,
    calls: 1,
  },
};

for (const [name, phase] of Object.entries(phases)) {
  suite(`the client goes while ${name}`, () => {
    for (const stream of name.includes('stream') || name.includes('token') ? [true] : [true, false]) {
      for (const [ending, end] of Object.entries(endings)) {
        test(`by ${ending}, ${stream ? 'streamed' : 'whole'}`, async () => {
          await using rig = await startRig();
          const socket = await sendRaw(rig.url, chat(phase.model, { stream }));
          let received = 0;
          socket.on('data', (chunk) => (received += chunk.length));
          await eventually('the phase', () => phase.isReached(rig, () => received));
          end(socket);
          await eventually('the upstream is closed', () => rig.mock.journal().entries.every(({ open }) => !open), 500);
          await new Promise((resolve) => setTimeout(resolve, name === 'backing off' ? 1200 : 50));
          assert.equal(rig.mock.journal().entries.length, phase.calls, 'no further attempt');
          const health = await rig.manage<{ health: { status: string } }>('GET', `/accounts/${rig.accounts[0]}`);
          if (name !== 'backing off') assert.equal(health.health.status, 'ok');
          await eventually('the request is booked', async () => {
            const { data } = await rig.manage<{ data: { outcome: string; error_code: string | null }[] }>(
              'GET',
              '/requests',
            );
            if (data.length === 0) return false;
            assert.deepEqual(
              [data[0]?.outcome, data[0]?.error_code],
              ['client_cancelled', null],
              'no error of anybody',
            );
            return true;
          });
        });
      }
    }
  });
}

suite('the client goes while the connection is being made', () => {
  for (const [ending, end] of Object.entries(endings)) {
    test(`by ${ending}`, async (context) => {
      // Takes connections and never shakes hands: a TLS connection to it is never there.
      const connections = new Set<Socket>();
      let count = 0;
      const silent = createServer((socket) => {
        count += 1;
        connections.add(socket);
        socket.on('error', () => {});
        socket.resume().on('close', () => connections.delete(socket));
      });
      silent.listen(0, '127.0.0.1');
      await once(silent, 'listening');
      context.after(() => {
        silent.close();
        for (const socket of connections) socket.destroy();
      });
      await using rig = await startRig({ settings: { CONNECT_TIMEOUT_MS: '10000' } });
      const address = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      await rig.manage('PATCH', '/providers/openai', { base_url: address });
      const socket = await sendRaw(rig.url, chat('gpt-4'));
      await eventually('the gateway connects', () => connections.size === 1);
      end(socket);
      await eventually('the upstream is closed', () => connections.size === 0, 500);
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.equal(count, 1, 'no further attempt');
      await rig.manage('PATCH', '/providers/openai', { base_url: rig.mock.url });
      assert.equal((await rig.post('/v1/chat/completions', chat('gpt-4'))).status, 200);
    });
  }
});

test('the client goes after a long body that came in one piece, with another request behind it', async () => {
  await using rig = await startRig();
  const { hostname, port, host } = new URL(rig.url);
  const body = JSON.stringify(chat('gpt-fault-silence-before-headers', { user: 'x'.repeat(40_000) }));
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  const socket = connect(Number(port), hostname, () => socket.write(head + body));
  socket.on('error', () => {});
  await eventually('the upstream is asked', () => rig.mock.journal().entries.length === 1);
  socket.end(`GET /health HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  await eventually('the upstream is closed', () => rig.mock.journal().entries.every(({ open }) => !open), 500);
});

test('drain: the upstream is read to its end for a client that has gone', async () => {
  await using rig = await startRig({ settings: { ON_CLIENT_DISCONNECT: 'drain' }, script: { chunk_delay_ms: 10 } });
  const socket = await sendRaw(rig.url, chat('gpt-mock-stream-30', { stream: true }));
  await new Promise((resolve) => socket.once('data', resolve));
  socket.resetAndDestroy();
  await eventually('the answer was sent whole', () => rig.mock.journal().entries[0]?.finished === true);
  assert.notEqual(rig.mock.journal().entries[0]?.closed_by, 'client');
});

test('a slow reader slows the upstream down instead of filling memory', async () => {
  await using rig = await startRig({ script: { chunks: 2000, chunk_text: 'x'.repeat(20_000) } });
  const socket = await sendRaw(rig.url, chat('gpt-4', { stream: true }));
  socket.once('data', () => socket.pause());
  let before = -1;
  await eventually('the upstream stands still', async () => {
    const now = rig.mock.journal().entries[0]?.bytes_out ?? 0;
    const stands = now > 0 && now === before;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return stands;
  });
  assert.ok(before < 30_000_000, `${before} bytes were taken from the upstream`);
  let received = 0;
  socket.on('data', (chunk) => (received += chunk.length));
  socket.resume();
  await eventually('all of it arrives in the end', () => received > 40_000_000, 20_000);
  socket.destroy();
});
