// A program: the upstream of the benchmark. Bare sockets and answers made beforehand, so that it costs next to nothing.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { answers, upstreamKey, writesFor, type Answer } from '../answers.ts';
import { MessageReader, type MessageListener } from '../lib/wire.ts';

const refusal = Buffer.from('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n');
const modelName = /"model": *"([^"]+)"/u;
const keyPattern = new RegExp(`Bearer ${upstreamKey}(?:-([a-z0-9]+))?\r?$`, 'imu');
/** What is kept of each end of a body: what a call asks for stands before or after its messages. */
const keptBytes = 1024;
/** How many chunks of a paced stream leave at once with the head: the one with the role, and the first text. */
const chunksAtOnce = 2;
/** Paced streams are spread over this many slots of one turn, so that they do not all write at the same instant. */
const slots = 10;

/** One connection: answers each request as its model says. */
class Connection implements MessageListener {
  readonly #socket: Socket;
  readonly #pacerOf: (paceMs: number) => Pacer;
  readonly #answersOf: (organization: string | undefined) => typeof answers;
  #head = '';
  #body = '';

  constructor(
    socket: Socket,
    pacerOf: (paceMs: number) => Pacer,
    answersOf: (organization: string | undefined) => typeof answers,
  ) {
    this.#socket = socket;
    this.#pacerOf = pacerOf;
    this.#answersOf = answersOf;
  }

  onHead(head: string): void {
    this.#head = head;
    this.#body = '';
  }

  onBody(bytes: Buffer): void {
    const { length } = this.#body;
    if (length < keptBytes) this.#body += bytes.toString('latin1');
    else this.#body = this.#body.slice(0, keptBytes) + (this.#body.slice(keptBytes) + lastOf(bytes)).slice(-keptBytes);
  }

  onEnd(): void {
    const key = keyPattern.exec(this.#head);
    const answer = this.#answersOf(key?.[1])[modelName.exec(this.#body)?.[1] ?? ''];
    if (key === null || answer === undefined || answer.isStream !== /"stream": *true/u.test(this.#body)) {
      this.#socket.write(refusal);
      return;
    }
    const writes = this.#writesOf(answer);
    if (answer.paceMs > 0) this.#pacerOf(answer.paceMs).add(this.#socket, writes);
    else for (const bytes of writes) this.#socket.write(bytes);
  }

  #writesOf({ writes, usage }: Answer): readonly Buffer[] {
    if (usage === undefined || !/"include_usage": *true/u.test(this.#body)) return writes;
    return writes.toSpliced(-1, 0, usage);
  }
}

function lastOf(bytes: Buffer): string {
  return bytes.toString('latin1', Math.max(0, bytes.length - keptBytes));
}

/** The answers of each organization, made when it is first heard of. */
function answersByOrganization(): (organization: string | undefined) => typeof answers {
  const known = new Map<string, typeof answers>();
  return (organization) => {
    if (organization === undefined) return answers;
    let own = known.get(organization);
    if (own === undefined) {
      const rows = Object.entries(answers);
      own = Object.fromEntries(
        rows.map(([model, answer]) => [model, { ...answer, writes: writesFor(answer.writes, organization) }]),
      );
      known.set(organization, own);
    }
    return own;
  };
}

/** Writes one chunk of each paced stream a turn. */
class Pacer {
  readonly #streams: { socket: Socket; writes: readonly Buffer[]; next: number }[][] = [];
  readonly #paceMs: number;
  #slot = 0;
  #added = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(paceMs: number) {
    this.#paceMs = paceMs;
    for (let i = 0; i < slots; i += 1) this.#streams.push([]);
  }

  add(socket: Socket, writes: readonly Buffer[]): void {
    for (const bytes of writes.slice(0, 1 + chunksAtOnce)) socket.write(bytes);
    this.#streams[this.#added % slots]?.push({ socket, writes, next: 1 + chunksAtOnce });
    this.#added += 1;
    this.#timer ??= setInterval(() => this.#turn(), this.#paceMs / slots);
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

const pacers = new Map<number, Pacer>();
const pacerOf = (paceMs: number): Pacer => {
  const pacer = pacers.get(paceMs) ?? new Pacer(paceMs);
  pacers.set(paceMs, pacer);
  return pacer;
};
const answersOf = answersByOrganization();
const server = createServer({ noDelay: true }, (socket) => {
  const reader = new MessageReader(new Connection(socket, pacerOf, answersOf));
  socket.on('data', (bytes) => reader.push(bytes as Buffer));
  socket.on('error', () => socket.destroy());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.on('disconnect', () => process.exit());
