// Takes connections and never says a word: a TLS connection to it is never there.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** A server that is silent. */
export interface SilentServer extends AsyncDisposable {
  /** An `https:` address. */
  readonly url: string;
  /** Connections that are open now. */
  open(): number;
  /** All connections that there have been. */
  total(): number;
}

/** Starts one on a free port of loopback. */
export async function startSilentServer(): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  let total = 0;
  const server = createServer((socket) => {
    total += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    // Unread bytes would hide the other side's going.
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    open: () => sockets.size,
    total: () => total,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
