// A program: floods one target with one client's requests, at a rate or as fast as answers come, whatever they say.
import { connect, type Socket } from 'node:net';
import type { Target } from '../job.ts';
import { requestsOf } from '../lib/caller.ts';
import { quantile } from '../lib/statistics.ts';
import { MessageReader } from '../lib/wire.ts';

/** What it is told. */
export interface Flood {
  readonly target: Target;
  readonly model: string;
  readonly connections: number;
  /** Requests a second over all connections; 0: each sends its next one when it has its answer. */
  readonly perSecond: number;
  readonly durationMs: number;
  /** How long answers are waited for when no more is sent, ms; 0 where not given. */
  readonly patienceMs?: number;
}

/** What came of it. */
export interface FloodReport {
  readonly sent: number;
  readonly refused: number;
  /** Status, with the error's code where there is one → how often it was the answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Connections that ended by themselves. */
  readonly broken: number;
  /** Of the answers' times, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const tickMs = 5;

function flood({ target, model, connections, perSecond, durationMs, patienceMs = 0 }: Flood): Promise<FloodReport> {
  const { promise, resolve } = Promise.withResolvers<FloodReport>();
  const nextRequest = requestsOf(target, model, 0);
  const idle: Socket[] = [];
  const statuses: Record<string, number> = {};
  const tookMs: number[] = [];
  const sentAtMs = new Map<Socket, number>();
  let [sent, refused, broken, isOver] = [0, 0, 0, false];
  const send = (socket: Socket): void => {
    sent += 1;
    sentAtMs.set(socket, performance.now());
    socket.write(nextRequest());
  };
  const sockets = Array.from({ length: connections }, () => {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    let [status, text] = ['', ''];
    const reader = new MessageReader({
      onHead(head) {
        [status, text] = [head.slice(9, 12), ''];
        if (status === '429') refused += 1;
      },
      onBody(bytes) {
        if (status !== '200') text += bytes.toString('latin1');
      },
      onEnd() {
        const code = /"code": ?"(\w+)"/u.exec(text)?.[1];
        const answer = code === undefined ? status : `${status} ${code}`;
        statuses[answer] = (statuses[answer] ?? 0) + 1;
        tookMs.push(performance.now() - (sentAtMs.get(socket) ?? 0));
        sentAtMs.delete(socket);
        if (isOver) socket.destroy();
        else if (perSecond === 0) send(socket);
        else idle.push(socket);
      },
    });
    socket.on('data', (bytes: Buffer) => reader.push(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      if (isOver && !sentAtMs.delete(socket)) return;
      broken += 1;
    });
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
    const end = (): void => {
      sentAtMs.clear();
      for (const socket of sockets) socket.destroy();
      const sorted = tookMs.toSorted((a, b) => a - b);
      resolve({ sent, refused, statuses, broken, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) });
    };
    const lateAtMs = performance.now() + patienceMs;
    const look = setInterval(() => {
      if (sentAtMs.size > 0 && performance.now() < lateAtMs) return;
      clearInterval(look);
      end();
    }, tickMs);
  }, durationMs);
  return promise;
}

process.on('message', (job: Flood) => void flood(job).then((report) => process.send?.(report)));
