// An upstream that sends exactly the bytes it is told, in exactly the pieces it is told, and keeps what it received.
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** One request as it came over the wire. */
export interface RawRequest {
  readonly head: string;
  readonly body: Buffer;
}

/** An upstream over plain TCP. */
export interface RawUpstream {
  readonly url: string;
  readonly requests: RawRequest[];
  /** Everything that ever came, whole or not. */
  receivedBytes(): number;
  /** Sockets that are open now. */
  openSockets(): number;
  close(): Promise<void>;
}

/** Starts an upstream that calls `answer` for every whole request. */
export async function startRawUpstream(
  answer: (socket: Socket, request: RawRequest, n: number) => void | Promise<void>,
): Promise<RawUpstream> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  let receivedBytes = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const headEnd = received.indexOf('\r\n\r\n');
        if (headEnd === -1) return;
        const head = received.subarray(0, headEnd).toString('latin1');
        const length = Number(/content-length: (\d+)/iu.exec(head)?.[1] ?? 0);
        if (received.length < headEnd + 4 + length) return;
        const request = { head, body: Buffer.from(received.subarray(headEnd + 4, headEnd + 4 + length)) };
        received = received.subarray(headEnd + 4 + length);
        requests.push(request);
        void answer(socket, request, requests.length);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    receivedBytes: () => receivedBytes,
    openSockets: () => sockets.size,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A whole answer with a JSON body. */
export function jsonAnswer(body: string | Buffer, status = '200 OK'): Buffer {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${bytes.length}\r\n\r\n`),
    bytes,
  ]);
}

/** The head of a stream whose body ends with the connection's chunked coding. */
export const streamHead: Buffer = Buffer.from(
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n',
);

/** One piece of a chunked body. */
export function chunked(piece: Uint8Array): Buffer {
  if (piece.length === 0) return Buffer.alloc(0);
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
}

export const lastChunk: Buffer = Buffer.from('0\r\n\r\n');
