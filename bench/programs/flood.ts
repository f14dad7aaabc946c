// A program: floods one target with one client's requests, at a rate or as fast as answers come, whatever they say.
import { connect, type Socket } from 'node:net';
import type { Target } from '../job.ts';
import { requestsOf } from '../lib/caller.ts';
import { MessageReader } from '../lib/wire.ts';

/** What it is told. */
export interface Flood {
  readonly target: Target;
  readonly model: string;
  readonly connections: number;
  /** Requests a second over all connections; 0: each sends its next one when it has its answer. */
  readonly perSecond: number;
  readonly durationMs: number;
}

/** What came of it. */
export interface FloodReport {
  readonly sent: number;
  readonly refused: number;
}

const tickMs = 5;

function flood({ target, model, connections, perSecond, durationMs }: Flood): Promise<FloodReport> {
  const { promise, resolve } = Promise.withResolvers<FloodReport>();
  const nextRequest = requestsOf(target, model, 0);
  const idle: Socket[] = [];
  let [sent, refused, isOver] = [0, 0, false];
  const send = (socket: Socket): void => {
    sent += 1;
    socket.write(nextRequest());
  };
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    const reader = new MessageReader({
      onHead(head) {
        if (head.startsWith('HTTP/1.1 429 ')) refused += 1;
      },
      onBody() {},
      onEnd() {
        if (isOver) socket.destroy();
        else if (perSecond === 0) send(socket);
        else idle.push(socket);
      },
    });
    socket.on('data', (bytes: Buffer) => reader.push(bytes));
    // What ends early is told by the count of what was sent.
    socket.on('error', () => {});
    socket.on('connect', () => (perSecond === 0 ? send(socket) : idle.push(socket)));
    return socket;
  });
  const startedAtMs = performance.now();
  const pace = setInterval(() => {
    const due = Math.floor(((performance.now() - startedAtMs) * perSecond) / 1000);
    if (perSecond > 0) for (const socket of idle.splice(0, due - sent)) send(socket);
  }, tickMs);
  setTimeout(() => {
    isOver = true;
    clearInterval(pace);
    for (const socket of sockets) socket.destroy();
    resolve({ sent, refused });
  }, durationMs);
  return promise;
}

process.on('message', (job: Flood) => void flood(job).then((report) => process.send?.(report)));
