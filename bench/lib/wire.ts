// Cuts a byte stream into HTTP/1.1 messages with as little work as it takes: by content-length or by chunks.

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const semicolon = 0x3b;
const endOfHead = '\r\n\r\n';
const lengthHeader = /\r\ncontent-length: *(\d+)/iu;
const chunkedHeader = /\r\ntransfer-encoding: *chunked/iu;

/** Hears one message after another. Bytes are valid during the call only. */
export interface MessageListener {
  /** The start line and the headers, without the blank line. */
  onHead(head: string): void;
  onBody(bytes: Buffer): void;
  onEnd(): void;
}

/** Reads the messages of one connection. Throws where they are framed in no way that keeps a connection alive. */
export class MessageReader {
  readonly #listener: MessageListener;
  #state: 'head' | 'length' | 'size' | 'extension' | 'chunk' | 'chunk end' | 'trailer' = 'head';
  /** A head that is not whole yet. */
  #held: Buffer | undefined;
  /** Bytes of the body or the chunk that are still to come; the chunk's size while it is being read. */
  #left = 0;
  #lineBytes = 0;

  constructor(listener: MessageListener) {
    this.#listener = listener;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'head') at = this.#readHead(bytes, at);
      else if (this.#state === 'length' || this.#state === 'chunk') at = this.#readBody(bytes, at);
      else at = this.#readFraming(bytes, at);
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    const before = this.#held?.length ?? 0;
    const whole = this.#held === undefined ? bytes.subarray(at) : Buffer.concat([this.#held, bytes.subarray(at)]);
    const end = whole.indexOf(endOfHead, 0, 'latin1');
    if (end === -1) {
      this.#held = Buffer.from(whole);
      return bytes.length;
    }
    this.#held = undefined;
    const head = whole.toString('latin1', 0, end);
    this.#listener.onHead(head);
    const length = lengthHeader.exec(head)?.[1];
    if (length !== undefined) {
      this.#left = Number(length);
      if (this.#left === 0) this.#listener.onEnd();
      else this.#state = 'length';
    } else if (chunkedHeader.test(head)) {
      this.#left = 0;
      this.#state = 'size';
    } else if (head.startsWith('GET ')) {
      this.#listener.onEnd();
    } else {
      throw new Error(`a message with neither a length nor chunks: ${head.slice(0, 200)}`);
    }
    return at + end + endOfHead.length - before;
  }

  #readBody(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#left -= end - at;
    this.#listener.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
    if (this.#left > 0) return end;
    if (this.#state === 'chunk') {
      this.#state = 'chunk end';
    } else {
      this.#state = 'head';
      this.#listener.onEnd();
    }
    return end;
  }

  /** Takes one byte of what stands around the chunks. */
  #readFraming(bytes: Buffer, at: number): number {
    const byte = bytes[at] as number;
    if (byte === lineFeed) this.#endLine();
    else if (byte === carriageReturn) return at + 1;
    else if (this.#state === 'trailer') this.#lineBytes += 1;
    else if (this.#state === 'size' && byte === semicolon) this.#state = 'extension';
    else if (this.#state === 'size') this.#left = this.#left * 16 + hexDigit(byte);
    else if (this.#state === 'chunk end') throw new Error('a chunk is longer than it says');
    return at + 1;
  }

  #endLine(): void {
    if (this.#state === 'chunk end') {
      this.#state = 'size';
    } else if (this.#state === 'trailer') {
      if (this.#lineBytes === 0) {
        this.#state = 'head';
        this.#listener.onEnd();
      }
      this.#lineBytes = 0;
    } else {
      this.#state = this.#left === 0 ? 'trailer' : 'chunk';
    }
  }
}

function hexDigit(byte: number): number {
  const digit = byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
  if (digit >= 0 && digit <= 15) return digit;
  throw new Error(`a chunk's size holds the byte ${byte}`);
}
