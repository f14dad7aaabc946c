// One request of a client and its answer, as the data plane and the management API work on them.
import { GatewayError } from '../core/errors.ts';
import type { BodyRoom, Exchange, StopReason } from '../core/exchange.ts';
import { Cancellation } from '../lib/cancellation.ts';
import { fieldOf } from '../lib/http1/field-list.ts';
import { newId } from '../lib/id.ts';
import type { RosterMember } from '../lib/roster.ts';
import type { Soon } from '../lib/soon.ts';
import { HttpAnswer, type AnswerConnection } from './answer.ts';
import { RequestBody, type BodySource } from './request-body.ts';
import type { RequestHead } from './request-head.ts';

/** The connection as an exchange sees it. */
export interface ExchangeConnection extends AnswerConnection, BodySource {
  readonly peerAddress: string | undefined;
  readonly maxBodyBytes: number;
  nowMs(): number;
}

/** One request and its answer. */
export class HttpExchange implements Exchange, RosterMember {
  rosterPlace = -1;
  readonly receivedAtMs: number;
  readonly path: string;
  readonly cancellation: Cancellation<StopReason> = new Cancellation();
  readonly body: RequestBody;
  readonly answer: HttpAnswer;
  readonly #head: RequestHead;
  readonly #connection: ExchangeConnection;
  #id: string | undefined;
  #isClosed = false;
  #onClosed: (() => void) | undefined;

  constructor(head: RequestHead, connection: ExchangeConnection) {
    const { length, target } = head;
    this.#head = head;
    this.#connection = connection;
    this.receivedAtMs = connection.nowMs();
    // Nothing is decoded or tidied, so nothing can be two paths at once.
    const query = target.indexOf('?');
    this.path = query === -1 ? target : target.slice(0, query);
    const announced = length.kind === 'bytes' ? length.count : length.kind === 'chunked' ? undefined : 0;
    this.body = new RequestBody(announced, connection);
    this.answer = new HttpAnswer(head, this.body, connection);
  }

  /** It says the time to the millisecond: who asks for requests by time asks for their ids. */
  get id(): string {
    this.#id ??= newId('req', this.receivedAtMs);
    return this.#id;
  }

  get method(): string {
    return this.#head.method;
  }

  get target(): string {
    return this.#head.target;
  }

  get headers(): readonly string[] {
    return this.#head.fields;
  }

  get peerAddress(): string | undefined {
    return this.#connection.peerAddress;
  }

  header(name: string): string | undefined {
    return fieldOf(this.#head.fields, name);
  }

  readBody(room: BodyRoom): Soon<Uint8Array> {
    return this.body.read({ room, checkSize: this.#checkSize, cancellation: this.cancellation });
  }

  /** Calls back once, when the last byte of the answer has left or the client has gone; at once where that has been. */
  onceClosed(heard: () => void): void {
    if (this.#isClosed) heard();
    else this.#onClosed = heard;
  }

  /** The whole body of the request has come. */
  bodyEnded(): void {
    this.body.end();
    this.answer.bodyEnded();
  }

  /** The last byte of the answer has left, or else the client is gone. */
  close(isSent: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.answer.cease();
    if (!isSent) this.cancellation.cancel('client_gone');
    this.#onClosed?.();
  }

  readonly #checkSize = (bytes: number): void => {
    const { maxBodyBytes } = this.#connection;
    if (bytes <= maxBodyBytes) return;
    throw new GatewayError(
      'request_too_large',
      `The request body is larger than the ${maxBodyBytes} bytes that this gateway takes.`,
      { shouldRetry: false },
    );
  };
}
