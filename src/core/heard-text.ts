// What a model has said so far in one answer, kept small: raw JSON text by choice and channel, to be counted if it must be.

/** The channels of one choice. Each tool call has two: its name and its arguments. */
export const channels = { content: 0, refusal: 1, reasoning: 2, toolCalls: 4 } as const;

/** Where choices begin in a run's key; further tool calls share the last channel. */
const channelBits = 7;
const lastChannel = (1 << channelBits) - 1;
const lastChoice = (1 << 14) - 1;

/** Opens a run. No JSON text holds this byte: control characters are escaped in it. */
const runMark = 0x1e;
const headBytes = 4;

/** Past this the text is handed over: a stalled stream costs no more memory. */
const handOverBytes = 32 << 10;
/** The largest room, what comes last included. */
const mostBytes = handOverBytes + 1024;
/** A room costs as much as adding a hundred words to it: they are few and grow fast. */
const growth = 4;
const firstBytes = mostBytes / growth ** 3;
/** Below this length a loop costs less than a view and a call. */
const shortBytes = 48;

/** Runs of text: a mark, the key in three bytes of seven bits each, then the inside of JSON strings, one behind the other. */
export class HeardText {
  readonly #onFull: (runs: Uint8Array<ArrayBuffer>) => void;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;
  #key = -1;
  #totalBytes = 0;

  /** `onFull` gets what has come together whenever it has grown too long to be kept. */
  constructor(onFull: (runs: Uint8Array<ArrayBuffer>) => void) {
    this.#onFull = onFull;
  }

  /** Bytes of text heard since the beginning, handed over or not. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Adds the inside of a JSON string: the bytes from `start` up to `end`, without the quotes. */
  add(choice: number, channel: number, bytes: Uint8Array, start: number, end: number): void {
    const size = end - start;
    const key = ((choice & lastChoice) << channelBits) | (channel < lastChannel ? channel : lastChannel);
    const buffer = this.#roomFor(size + headBytes);
    let at = this.#length;
    if (key !== this.#key) {
      this.#key = key;
      buffer[at] = runMark;
      buffer[at + 1] = 0x80 | (key & 0x7f);
      buffer[at + 2] = 0x80 | ((key >> 7) & 0x7f);
      buffer[at + 3] = 0x80 | (key >> 14);
      at += headBytes;
    }
    if (size > shortBytes) buffer.set(bytes.subarray(start, end), at);
    else for (let i = 0; i < size; i += 1) buffer[at + i] = bytes[start + i] as number;
    this.#length = at + size;
    this.#totalBytes += size;
    if (this.#length < handOverBytes) return;
    const runs = this.take();
    if (runs !== undefined) this.#onFull(runs);
  }

  /** Takes what has come together since it was last handed over; undefined where that is nothing. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#length === 0) return undefined;
    const runs = this.#buffer?.subarray(0, this.#length);
    this.#buffer = undefined;
    this.#length = 0;
    this.#key = -1;
    return runs;
  }

  /** What has come together since it was last handed over, still kept; undefined where that is nothing. */
  peek(): Uint8Array | undefined {
    return this.#length === 0 ? undefined : this.#buffer?.subarray(0, this.#length);
  }

  #roomFor(bytes: number): Uint8Array<ArrayBuffer> {
    const before = this.#buffer;
    const needed = this.#length + bytes;
    if (before !== undefined && needed <= before.length) return before;
    const grown = before === undefined ? firstBytes : Math.min(before.length * growth, mostBytes);
    const buffer = new Uint8Array(Math.max(needed, grown));
    if (before !== undefined) buffer.set(before.subarray(0, this.#length));
    this.#buffer = buffer;
    return buffer;
  }
}

/** What was said in one channel of one choice. */
export interface Said {
  readonly choice: number;
  readonly channel: number;
  readonly text: string;
}

/** The texts in handed-over runs, those of one choice and channel joined. */
export function readRuns(runs: Uint8Array): string[] {
  return readSaid(runs).map(({ text }) => text);
}

/** The same with whose they are, in the order in which they began. */
export function readSaid(runs: Uint8Array): Said[] {
  const texts = new Map<number, string>();
  let at = 0;
  while (at < runs.length) {
    const next = runs.indexOf(runMark, at + 1);
    const end = next === -1 ? runs.length : next;
    const key = [1, 2, 3].reduce((sum, i) => sum | (((runs[at + i] ?? 0) & 0x7f) << (7 * (i - 1))), 0);
    const raw = Buffer.from(runs.subarray(Math.min(at + headBytes, end), end)).toString('utf8');
    texts.set(key, (texts.get(key) ?? '') + raw);
    at = end;
  }
  return [...texts].map(([key, raw]) => ({
    choice: key >> channelBits,
    channel: key & lastChannel,
    text: unescaped(raw),
  }));
}

/** The whole characters at the beginning of a JSON string's inside: where it was cut off, half an escape may follow. */
const wholeCharacters = /^(?:[^\\]|\\(?:u[0-9a-f]{4}|[^u]))*/iu;

/** The inside of a JSON string as text, as far as it is whole; as it stands where it is none after all. */
function unescaped(raw: string): string {
  for (const inside of [raw, wholeCharacters.exec(raw)?.[0]]) {
    try {
      return JSON.parse(`"${inside}"`) as string;
    } catch {
      // The next one, or none.
    }
  }
  return raw;
}
