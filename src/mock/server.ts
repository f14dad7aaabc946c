// The fake OpenAI as a server: start it, steer it, read its journal, close it.
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { control, isControlPath } from './control.ts';
import { exchange, type Connection, type Surroundings } from './exchange.ts';
import { JournalBook, type Journal } from './journal.ts';
import { Quotas } from './quotas.ts';
import type { MockScript } from './script.ts';
import { Stage } from './stage.ts';

/** How to start a fake OpenAI. */
export interface MockOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: a free port. */
  readonly port?: number;
  readonly script?: MockScript;
  /** Epoch milliseconds, for quotas, fault windows and the journal (default: the wall clock). Pauses run on real timers. */
  readonly now?: () => number;
}

/** A running fake OpenAI. */
export interface Mock {
  /** `http://HOST:PORT`, without `/v1`. */
  readonly url: string;
  readonly port: number;
  /** The journal, or only the entries after number `after`. */
  journal(after?: number): Journal;
  /** Clears the journal, fills the quotas, starts fault counters anew, and goes back to the script of the start. */
  reset(): void;
  /** Puts another script in force; quotas whose limits stay the same keep their level. */
  setScript(script: MockScript): void;
  /** Open connections, without those that only asked for `/__…`. */
  openSockets(): number;
  /** Closes everything at once, running answers included. */
  close(): Promise<void>;
}

const MAX_HEADER_BYTES = 64 * 1024;

/** Starts a fake OpenAI; resolves when it listens. */
export async function startMock(options: MockOptions = {}): Promise<Mock> {
  const { host = '127.0.0.1', port = 0, script = {}, now = Date.now } = options;
  const journal = new JournalBook();
  const quotas = new Quotas();
  const connections = new Map<Socket, Connection & { isControl: boolean }>();
  const seed = randomBytes(8).toString('hex');
  let idCount = 0;
  let connectionCount = 0;
  let stage = new Stage(script, now());
  const surroundings: Surroundings = {
    quotas,
    journal,
    now,
    nextId: () => {
      idCount += 1;
      return seed + idCount.toString(16).padStart(16, '0');
    },
    stage: () => stage,
  };
  const steering = {
    journal,
    openSockets: () => connections.values().reduce((sum, one) => sum + (one.isControl ? 0 : 1), 0),
    setScript: (next: MockScript) => {
      stage = new Stage(next, now());
    },
    reset: () => {
      journal.reset();
      quotas.clear();
      stage = new Stage(script, now());
    },
  };

  const server = createServer({ keepAliveTimeout: 5000, requestTimeout: 0, maxHeaderSize: MAX_HEADER_BYTES });
  server.on('connection', (socket: Socket) => {
    connectionCount += 1;
    connections.set(socket, { serial: connectionCount, requests: 0, isControl: false });
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', (request, response) => {
    const connection = connections.get(request.socket);
    if (connection === undefined) return;
    connection.isControl = isControlPath(request.url ?? '/') && connection.requests === 0;
    if (!isControlPath(request.url ?? '/')) return exchange(request, response, connection, surroundings);
    control(steering, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await listen(server, port, host);
  const address = server.address() as AddressInfo;

  return {
    ...steering,
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    journal: (after) => {
      const { requests, open, records } = journal.read(after);
      const entries = Array.from(records, (record) => record.entry());
      return { requests, open_requests: open, open_sockets: steering.openSockets(), entries };
    },
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      journal.closeOpen();
      for (const socket of connections.keys()) socket.destroy();
      await closed;
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
