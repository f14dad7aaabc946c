// A program: the upstream of the benchmark. Bare sockets and answers made beforehand, so that it costs next to nothing.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { answers, upstreamKey, type Answer } from '../answers.ts';
import { MessageReader, type MessageListener } from '../lib/wire.ts';

const refusal = Buffer.from('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
const modelName = /"model": *"([^"]+)"/u;
/** Paced streams are spread over this many slots of one turn, so that they do not all write at the same instant. */
const slots = 10;

/** One connection: answers each request as its model says. */
class Connection implements MessageListener {
  readonly #socket: Socket;
  readonly #pacer: Pacer;
  #head = '';
  #body = '';

  constructor(socket: Socket, pacer: Pacer) {
    this.#socket = socket;
    this.#pacer = pacer;
  }

  onHead(head: string): void {
    this.#head = head;
    this.#body = '';
  }

  onBody(bytes: Buffer): void {
    this.#body += bytes.toString('latin1');
  }

  onEnd(): void {
    const answer = answers[modelName.exec(this.#body)?.[1] ?? ''];
    const isKnown = answer !== undefined && this.#head.includes(`Bearer ${upstreamKey}`);
    if (!isKnown || answer.isStream !== /"stream": *true/u.test(this.#body)) {
      this.#socket.write(refusal);
      return;
    }
    const writes = this.#writesOf(answer);
    if (answer.paceMs > 0) this.#pacer.add(this.#socket, writes, answer.paceMs);
    else for (const bytes of writes) this.#socket.write(bytes);
  }

  #writesOf({ writes, usage }: Answer): readonly Buffer[] {
    if (usage === undefined || !/"include_usage": *true/u.test(this.#body)) return writes;
    return writes.toSpliced(-1, 0, usage);
  }
}

/** Writes one chunk of each paced stream a turn. */
class Pacer {
  readonly #streams: { socket: Socket; writes: readonly Buffer[]; next: number }[][] = [];
  #slot = 0;
  #added = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    for (let i = 0; i < slots; i += 1) this.#streams.push([]);
  }

  add(socket: Socket, writes: readonly Buffer[], paceMs: number): void {
    // The head and the first chunk leave at once.
    socket.write(writes[0] as Buffer);
    socket.write(writes[1] as Buffer);
    this.#streams[this.#added % slots]?.push({ socket, writes, next: 2 });
    this.#added += 1;
    this.#timer ??= setInterval(() => this.#turn(), paceMs / slots);
  }

  #turn(): void {
    this.#slot = (this.#slot + 1) % slots;
    const streams = this.#streams[this.#slot] ?? [];
    for (const stream of streams) {
      stream.socket.write(stream.writes[stream.next] as Buffer);
      stream.next += 1;
    }
    this.#streams[this.#slot] = streams.filter(({ next, writes }) => next < writes.length);
    if (this.#streams.some((left) => left.length > 0)) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

const pacer = new Pacer();
const server = createServer({ noDelay: true }, (socket) => {
  const reader = new MessageReader(new Connection(socket, pacer));
  socket.on('data', (bytes) => reader.push(bytes as Buffer));
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit());
