// How a client's socket is read: each read is handed over when it comes, past the queue that a stream keeps of them.
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';

/**
 * The reads of a socket. A stream asks itself behind each read, in a tick of its own, whether it should read more, which
 * a socket does anyway: that and its queue cost 2 µs a request. So its `push`, through which a socket passes on what it
 * has read, is another here; were it not asked one day, the bytes would come as `data`, as they do everywhere.
 */
export class DirectReads {
  readonly #socket: Socket;
  #isPaused = false;

  constructor(socket: Socket, take: (bytes: Buffer) => void) {
    this.#socket = socket;
    socket.push = (bytes: Buffer | null): boolean => {
      // Its end takes the usual way.
      if (bytes === null) return Readable.prototype.push.call(socket, null);
      take(bytes);
      // Where this is false the socket stops reading.
      return !this.#isPaused;
    };
    socket.on('data', take);
  }

  /** One more read may still come. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // Begins again where the socket has stopped.
    if (!this.#socket.destroyed) this.#socket._read(0);
  }
}
