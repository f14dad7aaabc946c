// 200 clients that stop reading a stream of 100 MB: the gateway waits with them and holds next to nothing of it.
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { startProgramRig, withoutProc, type ProgramRig } from '../support/program-rig.ts';
import { chat } from '../support/rig.ts';

const clients = 200;
const streamBytes = 100_000_000;
const limitBytesEach = 256_000;
/** What clients that do read take before they go: about as much as lies between the two programs of one that does not. */
const readBytes = 6_000_000;

/** Size of each content chunk: as a model writes them, and far larger ones. */
const sizes = { 'chunks of 1,000 bytes': 1000, 'chunks of 20,000 bytes': 20_000 } as const;

/** Asks for a stream over a bare connection. */
function open(rig: ProgramRig, model: string): Socket {
  const { hostname, port, host } = new URL(rig.url);
  const body = JSON.stringify(chat(model, { stream: true }));
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

function mebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

function bytesSent(rig: ProgramRig): number {
  return rig.mock.journal().entries.reduce((sum, { bytes_out: bytes }) => sum + bytes, 0);
}

/** Reads some of the answer and goes. */
function readAndGo(socket: Socket): Promise<void> {
  let bytes = 0;
  return new Promise((resolve) => {
    socket.on('data', (data: Buffer) => {
      bytes += data.length;
      if (bytes < readBytes) return;
      socket.destroy();
      resolve();
    });
  });
}

/** Reads the answer's beginning and then no more. */
function stopAtFirstBytes(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('data', () => {
      socket.pause();
      resolve();
    });
  });
}

/** Waits until the upstream has sent nothing for a while. */
async function standstill(rig: ProgramRig): Promise<void> {
  let before = -1;
  await eventually(
    'the upstream stands still',
    async () => {
      const now = bytesSent(rig);
      const stands = now === before;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return stands;
    },
    60_000,
  );
}

suite('clients that stop reading', { skip: withoutProc }, () => {
  for (const [name, size] of Object.entries(sizes)) {
    test(name, async (context) => {
      await using rig = await startProgramRig({
        settings: { LOG_LEVEL: 'warn' },
        canCollect: true,
        script: {
          rpm: 1_000_000,
          chunk_text: 'x'.repeat(size),
          models: { 'gpt-4-long': { chunks: Math.ceil(streamBytes / size) }, 'gpt-4-short': { chunks: 10 } },
        },
      });
      const fresh = rig.memory('VmRSS');
      // As many clients that read bring the process to the size that it has at such work; what is beyond is the waiting.
      await Promise.all(Array.from({ length: clients }, () => readAndGo(open(rig, 'gpt-4-long'))));
      await standstill(rig);
      const peak = rig.memory('VmHWM');
      const before = await rig.held();
      const taken = bytesSent(rig);
      const sockets = Array.from({ length: clients }, () => open(rig, 'gpt-4-long'));
      await Promise.all(sockets.map(stopAtFirstBytes));
      await standstill(rig);
      const resident = rig.memory('VmRSS');
      assert.equal(rig.mock.journal().open_requests, clients, 'all streams are under way');
      const heldEach = ((await rig.held()) - before) / clients;
      context.diagnostic(
        `${Math.round(heldEach / 1000)} kB held for each, ${mebibytes((bytesSent(rig) - taken) / clients)} taken from its upstream; ` +
          `the process: ${mebibytes(fresh)} at the start, up to ${mebibytes(peak)} while ${clients} read, ${mebibytes(resident)} while ${clients} wait`,
      );
      assert.ok(heldEach < limitBytesEach, `${heldEach} bytes held for each client`);

      // Others are served meanwhile, and who reads on gets the rest.
      const response = await rig.post('/v1/chat/completions', chat('gpt-4-short', { stream: true }));
      assert.match(await response.text(), /\[DONE\]/u);
      const [reader] = sockets;
      let received = 0;
      reader?.on('data', (data: Buffer) => (received += data.length));
      reader?.resume();
      await eventually('a client that reads on gets more', () => received > 20_000_000, 60_000);
      for (const socket of sockets) socket.destroy();
      await eventually('every upstream request is closed', () => rig.mock.journal().open_requests === 0);
    });
  }
});
