// What the connections of a listener share: its limits, its tools, and who serves their requests.
import type { FieldWriter } from '../lib/http1/field-writer.ts';
import type { MessageKind } from '../lib/http1/message-parser.ts';
import type { LoopTurn } from '../lib/loop-turn.ts';
import type { HttpExchange } from './exchange.ts';
import type { RequestHead } from './request-head.ts';

/** How long a client may take, in ms. */
export interface ClientLimits {
  /** For the head of a request, from its first byte or from the moment that the connection is there. */
  readonly headMs: number;
  /** For the whole request, its body included. */
  readonly requestMs: number;
  /** Between two requests. */
  readonly keepAliveMs: number;
  /** Between two bytes that it takes of an answer, where as much waits for it as may. */
  readonly stallMs: number;
  /** How often that is looked at. */
  readonly checkEveryMs: number;
}

/** What all connections of a listener share. */
export interface ConnectionSite<Connection> {
  readonly kind: MessageKind<RequestHead>;
  readonly limits: ClientLimits;
  readonly turn: LoopTurn;
  readonly writer: FieldWriter;
  readonly maxBodyBytes: number;
  /** No connection is kept behind its answer. */
  isDraining(): boolean;
  nowMs(): number;
  /** The time as answers tell it. */
  date(): string;
  /** Takes a request; its body may still be coming. */
  serve(exchange: HttpExchange): void;
  /** Requests under way on all connections. */
  underWay: number;
  onGone(connection: Connection): void;
}
