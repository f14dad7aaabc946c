// One connection of the load generator: sends one request after another and checks every answer.
import { connect, type Socket } from 'node:net';
import { answers, type Answer } from '../answers.ts';
import type { Target } from '../job.ts';
import { MessageReader, type MessageListener } from './wire.ts';

const readBufferBytes = 64 * 1024;

/** Who hears of a caller's answers. */
export interface CallerListener {
  /** Bytes of an answer's body have come. */
  onBytes(count: number): void;
  /** An answer is whole and right. */
  onAnswer(caller: Caller, durationMs: number): void;
  /** An answer is wrong, or none came: nothing that was measured counts. */
  onWrong(error: Error): void;
}

/** One connection. */
export class Caller implements MessageListener {
  readonly #target: Target;
  readonly #answer: Answer;
  readonly #request: Buffer;
  readonly #listener: CallerListener;
  readonly #socket: Socket;
  #startedAtMs = 0;
  #receivedBytes = 0;
  #ending = '';
  #isClosed = false;

  constructor(target: Target, model: string, listener: CallerListener) {
    const answer = answers[model];
    if (answer === undefined) throw new Error(`no answer for ${model}`);
    this.#target = target;
    this.#answer = answer;
    this.#request = requestBytes(target, model, answer.isStream);
    this.#listener = listener;
    const reader = new MessageReader(this);
    const buffer = Buffer.allocUnsafeSlow(readBufferBytes);
    this.#socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      onread: {
        buffer,
        callback: (count) => {
          try {
            reader.push(buffer.subarray(0, count));
          } catch (error) {
            this.#wrong((error as Error).message);
          }
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#wrong(error.message));
    this.#socket.on('close', () => this.#wrong('the connection was closed'));
  }

  /** Sends the next request. */
  call(): void {
    this.#startedAtMs = performance.now();
    this.#receivedBytes = 0;
    this.#ending = '';
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  onHead(head: string): void {
    if (!head.startsWith('HTTP/1.1 200 ')) this.#wrong(`answered ${head.slice(0, head.indexOf('\r\n'))}`);
  }

  onBody(bytes: Buffer): void {
    const { ending, bodyBytes } = this.#answer;
    this.#receivedBytes += bytes.length;
    this.#listener.onBytes(bytes.length);
    if (!this.#target.isVerbatim || this.#receivedBytes > bodyBytes - ending.length)
      this.#ending = (this.#ending + bytes.toString('latin1', Math.max(0, bytes.length - ending.length))).slice(
        -ending.length,
      );
  }

  onEnd(): void {
    const { ending, bodyBytes } = this.#answer;
    if (this.#target.isVerbatim && this.#receivedBytes !== bodyBytes)
      this.#wrong(`an answer of ${this.#receivedBytes} bytes instead of ${bodyBytes}`);
    else if (this.#target.isVerbatim || this.#answer.isStream ? this.#ending !== ending : this.#receivedBytes === 0)
      this.#wrong(`an answer that ends with ${JSON.stringify(this.#ending)}`);
    else this.#listener.onAnswer(this, performance.now() - this.#startedAtMs);
  }

  #wrong(what: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#listener.onWrong(new Error(what));
  }
}

/** A request of 0.1 kB, with the headers that OpenAI's own client for Node.js sends. */
function requestBytes({ host, port, path, key, modelPrefix }: Target, model: string, isStream: boolean): Buffer {
  const body = JSON.stringify({
    model: modelPrefix + model,
    ...(isStream && { stream: true }),
    messages: [{ role: 'user', content: 'How fast are you, in three words?' }],
  });
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: ${host}:${port}`,
    'connection: keep-alive',
    'accept: application/json',
    'content-type: application/json',
    'user-agent: OpenAI/JS 7.0.0',
    'x-stainless-retry-count: 0',
    'x-stainless-timeout: 600',
    'x-stainless-lang: js',
    'x-stainless-package-version: 7.0.0',
    'x-stainless-os: Linux',
    'x-stainless-arch: x64',
    'x-stainless-runtime: node',
    'x-stainless-runtime-version: v26.0.0',
    'accept-language: *',
    `authorization: Bearer ${key}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ].join('\r\n');
  return Buffer.from(`${head}\r\n\r\n${body}`);
}
