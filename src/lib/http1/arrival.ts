// What a connection brings waits until all connections have brought theirs in this turn of the event loop.
import type { LoopTurn } from '../loop-turn.ts';

/** A turn rarely brings more, and what is beyond does not wait. */
const roomBytes = 256 << 10;

/** Where the reads of many connections lie until they are looked at: memory of its own for each would cost more than that. */
export class ArrivalRoom {
  readonly #memory = Buffer.allocUnsafeSlow(roomBytes);
  #usedBytes = 0;
  #reads = 0;

  /** A copy of them; undefined where there is no room. */
  keep(bytes: Buffer): Buffer | undefined {
    const from = this.#usedBytes;
    const to = from + bytes.length;
    if (to > roomBytes) return undefined;
    this.#usedBytes = to;
    this.#reads += 1;
    this.#memory.set(bytes, from);
    return this.#memory.subarray(from, to);
  }

  /** One of the copies is not needed any more. */
  letGo(): void {
    this.#reads -= 1;
    if (this.#reads === 0) this.#usedBytes = 0;
  }
}

/** The bytes of one connection between their coming and their being looked at. */
export class Arrival {
  readonly #turn: LoopTurn;
  readonly #take: (bytes: Buffer) => void;
  readonly #room: ArrivalRoom | undefined;
  #bytes: Buffer | undefined;

  /** With a `room` bytes are copied there when they come, and `take` may keep nothing of their memory. */
  constructor(turn: LoopTurn, take: (bytes: Buffer) => void, room?: ArrivalRoom) {
    this.#turn = turn;
    this.#take = take;
    this.#room = room;
  }

  get isEmpty(): boolean {
    return this.#bytes === undefined;
  }

  /** One read waits. Who brings more in the same turn is heard at once, so that it can be told to stop. */
  add(bytes: Buffer): void {
    if (this.#bytes === undefined) {
      this.#bytes = this.#room === undefined ? bytes : this.#room.keep(bytes);
      if (this.#bytes !== undefined) {
        this.#turn.add('read', this.flush);
        return;
      }
    } else this.flush();
    this.#take(bytes);
  }

  /** Hands over what waits: for whatever is to be heard behind it. */
  readonly flush = (): void => {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    this.#bytes = undefined;
    try {
      this.#take(bytes);
    } finally {
      this.#room?.letGo();
    }
  };
}
