// One connection of the load generator: sends one request after another and checks every answer.
import { connect, type Socket } from 'node:net';
import { answers, type Answer } from '../answers.ts';
import type { Target } from '../job.ts';
import { MessageReader, type MessageListener } from './wire.ts';

const readBufferBytes = 64 * 1024;
/** What the model says in every chunk but the first and the last. */
const wordPattern = / word\d{3}/gu;
/** A sentence with what makes a scanner of JSON work: escapes. */
const sentence = 'The quick brown fox said "jump" \\ and the lazy dog did not.\n';

/** Who hears of a caller's answers. */
export interface CallerListener {
  /** Bytes of an answer's body have come. */
  onBytes(count: number): void;
  /** The model's first text has come. */
  onFirstText?(caller: Caller, afterMs: number): void;
  /** A paced stream's next read has come this long after the one before. */
  onGap?(gapMs: number): void;
  /** An answer is whole and right. */
  onAnswer(caller: Caller, durationMs: number, bodyBytes: number): void;
  /** An answer is wrong, or none came: nothing that was measured counts. */
  onWrong(error: Error): void;
}

/** One connection. */
export class Caller implements MessageListener {
  readonly #target: Target;
  readonly #answer: Answer;
  readonly #nextRequest: () => Buffer;
  readonly #listener: CallerListener;
  readonly #socket: Socket;
  #startedAtMs = 0;
  #readAtMs = 0;
  #receivedBytes = 0;
  #ending = '';
  /** What has come of a stream: until the first text is there, and to the end where bytes do not say whether all came. */
  #text = '';
  #hasText = false;
  #isClosed = false;

  constructor(target: Target, model: string, nextRequest: () => Buffer, listener: CallerListener) {
    this.#target = target;
    this.#answer = answerOf(model);
    this.#nextRequest = nextRequest;
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
    this.#readAtMs = 0;
    this.#receivedBytes = 0;
    this.#ending = '';
    this.#text = '';
    this.#hasText = this.#answer.firstText === undefined;
    this.#socket.write(this.#nextRequest());
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  onHead(head: string): void {
    if (!head.startsWith('HTTP/1.1 200 ')) this.#wrong(`answered ${head.slice(0, head.indexOf('\r\n'))}`);
  }

  onBody(bytes: Buffer): void {
    const { ending, bodyBytes, paceMs } = this.#answer;
    const { isVerbatim } = this.#target;
    this.#receivedBytes += bytes.length;
    this.#listener.onBytes(bytes.length);
    if (paceMs > 0) this.#noteGap();
    if (!this.#hasText || (!isVerbatim && this.#answer.isStream)) this.#readText(bytes);
    if (!isVerbatim || this.#receivedBytes > bodyBytes - ending.length)
      this.#ending = (this.#ending + bytes.toString('latin1', Math.max(0, bytes.length - ending.length))).slice(
        -ending.length,
      );
  }

  onEnd(): void {
    const { ending, bodyBytes, isStream, chunks } = this.#answer;
    const { isVerbatim } = this.#target;
    const words = isStream && !isVerbatim ? (this.#text.match(wordPattern)?.length ?? 0) : chunks - 2;
    if (isVerbatim && this.#receivedBytes !== bodyBytes)
      this.#wrong(`an answer of ${this.#receivedBytes} bytes instead of ${bodyBytes}`);
    else if (isStream && words !== chunks - 2) this.#wrong(`a stream of ${words} words instead of ${chunks - 2}`);
    else if (isVerbatim || isStream ? this.#ending !== ending : this.#receivedBytes === 0)
      this.#wrong(`an answer that ends with ${JSON.stringify(this.#ending)}`);
    else this.#listener.onAnswer(this, performance.now() - this.#startedAtMs, this.#receivedBytes);
  }

  #noteGap(): void {
    const nowMs = performance.now();
    if (this.#readAtMs > 0) this.#listener.onGap?.(nowMs - this.#readAtMs);
    this.#readAtMs = nowMs;
  }

  #readText(bytes: Buffer): void {
    this.#text += bytes.toString('latin1');
    if (this.#hasText || !this.#text.includes(this.#answer.firstText ?? '')) return;
    this.#hasText = true;
    this.#listener.onFirstText?.(this, performance.now() - this.#startedAtMs);
  }

  #wrong(what: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#listener.onWrong(new Error(what));
  }
}

/** Hands out the requests of a job: the same body, with the target's keys one after another. */
export function requestsOf(target: Target, model: string, requestBytes: number): () => Buffer {
  const body = bodyOf(target, model, requestBytes);
  const requests = target.keys.map((key) =>
    Buffer.concat([Buffer.from(headOf(target, model, key, body.length)), body]),
  );
  let next = 0;
  return () => {
    next = (next + 1) % requests.length;
    return requests[next] as Buffer;
  };
}

function answerOf(model: string): Answer {
  const answer = answers[model];
  if (answer === undefined) throw new Error(`no answer for ${model}`);
  return answer;
}

function bodyOf({ modelPrefix }: Target, model: string, requestBytes: number): Buffer {
  const question = 'How fast are you, in three words?';
  const history = sentence.repeat(Math.ceil(Math.max(0, requestBytes - 150) / (JSON.stringify(sentence).length - 2)));
  return Buffer.from(
    JSON.stringify({
      model: modelPrefix + model,
      ...(answerOf(model).isStream && { stream: true }),
      messages: [{ role: 'user', content: history + question }],
    }),
  );
}

/** The headers that OpenAI's own client for Node.js sends. */
function headOf(target: Target, model: string, key: string, length: number): string {
  const { host, port, path, streamPath = path, headers = [] } = target;
  return [
    `POST ${answerOf(model).isStream ? streamPath : path} HTTP/1.1`,
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
    ...headers,
    `content-length: ${length}`,
    '\r\n',
  ].join('\r\n');
}
