// The data plane: a request's way through the rooms, in order.
import type { Endpoint } from '../core/endpoint.ts';
import { GatewayError, type ErrorCode } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type { RequestRecord } from '../core/record.ts';
import { modelOnRecord } from '../core/redaction.ts';
import { sleep } from '../lib/sleep.ts';
import { soon, type Soon } from '../lib/soon.ts';
import { Specimens } from '../lib/specimens.ts';
import { BodyBudget, type BodyShare } from './admit.ts';
import type { Reservation } from '../limits/reservation.ts';
import { dispatch } from './dispatch.ts';
import { gatewayHeaders } from './own-headers.ts';
import { boundedDrainer, noDrainer, type Drainer } from './drainer.ts';
import { checkModel, identify, mayUse } from './identify.ts';
import { modelsAnswer } from './models.ts';
import { parseRequest, type ParsedRequest } from './parse.ts';
import { PingedAnswer, withAnswer } from './pings.ts';
import { RefusalPace } from './refusal-pace.ts';
import { reserve } from './reserve.ts';
import { settle } from './settle.ts';
import { Router } from './targets.ts';
import { Transcriber } from './transcriber.ts';
import type { GatewayParts, Work } from './work.ts';

/** What requests hold. */
export interface Load {
  readonly attempts: number;
  /** Requests that wait for an account. */
  readonly waiting: number;
  /** Of the budget for request bodies. */
  readonly bodyBytes: number;
}

/** How a key's own limits and its budget refuse. */
const ownRefusals: readonly ErrorCode[] = ['rate_limit_exceeded', 'budget_exceeded'];

/** Serves everything under `/v1`. */
export class Gateway {
  readonly #parts: GatewayParts;
  readonly #specimens = new Specimens();
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  readonly #router: Router;
  readonly #budget: BodyBudget;
  readonly #drainer: Drainer;
  readonly #pace = new RefusalPace();
  /** Requests that are over and wait for an estimate of what they used. */
  readonly #bookings = new Set<Promise<void>>();

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.#endpoints = new Map(parts.endpoints.map((endpoint) => [endpoint.path, endpoint]));
    this.#router = new Router(parts.modelPrefixes);
    this.#budget = new BodyBudget(parts.settings.MAX_BODY_BYTES_IN_FLIGHT);
    this.#drainer = parts.settings.ON_CLIENT_DISCONNECT === 'drain' ? boundedDrainer(parts.clock) : noDrainer;
  }

  /** What requests hold at this moment. */
  get load(): Load {
    const { pool, rooms } = this.#parts;
    return { attempts: pool.inFlight, waiting: rooms.waiting, bodyBytes: this.#budget.usedBytes };
  }

  /** Serves one exchange; never rejects. */
  serve(exchange: Exchange): Promise<void> {
    return this.#parts.settings.PING_AFTER_MS === 0 ? this.#serve(exchange) : this.#serveWithPings(exchange);
  }

  async #serveWithPings(exchange: Exchange): Promise<void> {
    const { clock, settings } = this.#parts;
    using pings = new PingedAnswer(exchange, clock, settings.PING_AFTER_MS);
    await this.#serve(withAnswer(exchange, pings));
  }

  async #serve(exchange: Exchange): Promise<void> {
    const endpoint = this.#endpoints.get(exchange.path);
    const work = this.#begin(exchange, endpoint);
    const cancelDeadline = this.#parts.clock.after(work.deadlineMs - exchange.receivedAtMs, () =>
      exchange.cancellation.cancel('deadline_passed'),
    );
    let thrown: unknown;
    try {
      const key = identify(exchange, this.#parts);
      work.record.keyId = key?.id ?? null;
      work.key = key;
      if (endpoint === undefined) this.#serveModels(work);
      else await this.#serveEndpoint(work, endpoint);
    } catch (error) {
      thrown = error;
      const delayMs = this.#delayOf(work, error);
      // Its body is let go by now: what waits here is small.
      if (delayMs > 0) await sleep(this.#parts.clock, delayMs, exchange.cancellation);
    }
    cancelDeadline();
    const booking = settle(this.#parts, work, thrown);
    if (booking === undefined) return;
    // The client has its answer and the request is over; only what it used is still being counted.
    this.#bookings.add(booking);
    void booking.finally(() => this.#bookings.delete(booking));
  }

  /** Resolves when everything that is over is booked. */
  async booked(): Promise<void> {
    await Promise.all(this.#bookings);
  }

  /** Ends what is read on for clients that have gone; resolves when what follows from it is under way. */
  async stop(): Promise<void> {
    this.#drainer.close();
    await new Promise(setImmediate);
  }

  /** How long the answer is to wait: only where a client key's own limits refuse it again and again. */
  #delayOf({ key, deadlineMs }: Work, error: unknown): number {
    if (key === null || !(error instanceof GatewayError) || !ownRefusals.includes(error.code)) return 0;
    const nowMs = this.#parts.clock.nowMs();
    return Math.min(this.#pace.delayOf(key.id, nowMs), deadlineMs - nowMs - 1);
  }

  async #serveEndpoint(work: Work, endpoint: Endpoint): Promise<void> {
    const { exchange, record } = work;
    const { configuration } = this.#parts;
    checkMethod(exchange, 'POST');
    checkContentType(exchange);
    const body = this.#budget.open();
    let reservation: Reservation | null = null;
    // `using` would cost 0.4 µs for each of the two.
    try {
      const read = this.#read(work, endpoint, body);
      const request = read instanceof Promise ? await read : read;
      record.model = modelOnRecord(request.model);
      record.isStream = request.isStream;
      if (request.isStream && endpoint.canStream && exchange.answer instanceof PingedAnswer) exchange.answer.begin();
      checkModel(work.key, request.model);
      const stops = this.#router.stopsOf(configuration(), request.model);
      const held = reserve(this.#parts, work, { output: endpoint.output, request, target: stops[0] });
      reservation = held instanceof Promise ? await held : held;
      work.reservation = reservation;
      await dispatch(this.#parts, {
        ...work,
        endpoint,
        request,
        stops,
        body,
        drainer: this.#drainer,
        specimens: this.#specimens,
      });
    } finally {
      reservation?.[Symbol.dispose]();
      body[Symbol.dispose]();
    }
  }

  /** A function of its own, so that nothing but the request refers to the body while it is served. */
  #read(work: Work, { output }: Endpoint, room: BodyShare): Soon<ParsedRequest> {
    return soon(work.exchange.readBody(room), (bytes) => {
      work.record.bodyBytes = bytes.length;
      if (work.key?.keepsTranscripts === true) work.transcriber = new Transcriber(bytes);
      return parseRequest(bytes, output?.limitNames ?? []);
    });
  }

  #serveModels(work: Work): void {
    const { exchange, record, key } = work;
    const name = modelName(exchange.path);
    if (name === null) {
      throw new GatewayError(
        'not_found',
        `There is no ${exchange.path}; this gateway serves ${[...this.#endpoints.keys()].join(', ')} and /v1/models.`,
      );
    }
    checkMethod(exchange, 'GET');
    if (name !== undefined) checkModel(key, name);
    const { configuration, modelPrefixes } = this.#parts;
    const text = modelsAnswer(configuration(), modelPrefixes, name, (model) => mayUse(key, model));
    const body = Buffer.from(text);
    record.status = 200;
    record.outcome = 'ok';
    const headers = ['content-type', 'application/json', 'content-length', String(body.length)];
    exchange.answer.start(200, [...headers, 'x-request-id', exchange.id, ...gatewayHeaders(this.#parts, work)]);
    exchange.answer.end(body);
  }

  #begin(exchange: Exchange, endpoint: Endpoint | undefined): Work {
    const { REQUEST_TIMEOUT_MS } = this.#parts.settings;
    const asked = Number(exchange.header('x-aigateway-timeout-ms'));
    const limitMs = asked > 0 && asked < REQUEST_TIMEOUT_MS ? asked : REQUEST_TIMEOUT_MS;
    const record: RequestRecord = {
      id: exchange.id,
      createdAtMs: exchange.receivedAtMs,
      endpoint: endpoint?.id ?? (modelName(exchange.path) === null ? 'other' : 'models'),
      model: null,
      keyId: null,
      budgetPeriod: null,
      isStream: false,
      status: null,
      outcome: 'unknown',
      errorCode: null,
      usage: null,
      usageSource: 'none',
      costNanoUsd: null,
      bodyBytes: 0,
      answerBytes: 0,
      queuedMs: 0,
      firstByteMs: null,
      durationMs: 0,
      chosenBecause: null,
      attempts: [],
    };
    const deadlineMs = exchange.receivedAtMs + limitMs;
    return { exchange, record, key: null, reservation: null, transcriber: null, deadlineMs, estimates: [] };
  }
}

/** The model of `/v1/models/{model}`, undefined for the list, null for any other path. */
function modelName(path: string): string | undefined | null {
  if (path === '/v1/models') return undefined;
  const name = path.startsWith('/v1/models/') ? path.slice('/v1/models/'.length) : '';
  try {
    return name === '' ? null : decodeURIComponent(name);
  } catch {
    return null;
  }
}

function checkMethod(exchange: Exchange, method: 'GET' | 'POST'): void {
  if (exchange.method === method) return;
  throw new GatewayError('method_not_allowed', `${exchange.path} takes ${method}, not ${exchange.method}.`, {
    headers: ['allow', method],
  });
}

/** A page of another site can send a browser's simple requests, but never one that is declared as JSON. */
function checkContentType(exchange: Exchange): void {
  const type = exchange.header('content-type') ?? '';
  if (type === 'application/json') return;
  if (/^application\/(json|[\w.+-]+\+json)\s*(;|$)/iu.test(type)) return;
  const got = type === '' ? 'and none was given' : `not "${type.slice(0, 80)}"`;
  throw new GatewayError('unsupported_media_type', `The content-type must be application/json, ${got}.`);
}
