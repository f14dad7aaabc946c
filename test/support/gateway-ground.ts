// The data plane with the clock, the upstream and the clients in a test's hand: for what depends on the very moment.
import type { Account } from '../../src/core/account.ts';
import type { Exchange, StopReason } from '../../src/core/exchange.ts';
import type { Provider } from '../../src/core/provider.ts';
import type { RequestRecord } from '../../src/core/record.ts';
import type { Route } from '../../src/core/route.ts';
import { TokenRatios } from '../../src/core/token-ratio.ts';
import { Gateway } from '../../src/gateway/gateway.ts';
import type { GatewayParts, GatewaySettings } from '../../src/gateway/work.ts';
import { Cancellation } from '../../src/lib/cancellation.ts';
import { FailureMeter } from '../../src/lib/failure-meter.ts';
import type { Limiter } from '../../src/limits/limiter.ts';
import { Pool } from '../../src/pool/pool.ts';
import { RetryBudgets } from '../../src/pool/retry-budget.ts';
import { WaitingRooms } from '../../src/pool/waiting-room.ts';
import { openPriceBook } from '../../src/prices/book.ts';
import { endpoints } from '../../src/providers/openai/endpoints.ts';
import { listPrices } from '../../src/providers/openai/list-prices.ts';
import { openai } from '../../src/providers/openai/vendor.ts';
import { TransportError, type AnswerListener, type Upstream } from '../../src/upstream/upstream.ts';
import { FakeClock } from './clock.ts';

/** What the gateway sent to an upstream; the test answers in its place. */
export interface Call {
  readonly origin: string;
  readonly listener: AnswerListener;
  isAborted: boolean;
}

/** What a client got. */
export class Client {
  readonly cancellation: Cancellation<StopReason> = new Cancellation();
  status = 0;
  headers: readonly string[] = [];
  text = '';
  isEnded = false;
  done: Promise<void> = Promise.resolve();
}

const usualSettings: GatewaySettings = {
  ADMIN_TOKEN: undefined,
  MAX_BODY_BYTES: 1 << 20,
  MAX_BODY_BYTES_IN_FLIGHT: 1 << 24,
  MAX_ATTEMPTS: 3,
  REQUEST_TIMEOUT_MS: 600_000,
  FIRST_BYTE_TIMEOUT_MS: 300_000,
  STREAM_IDLE_TIMEOUT_MS: 300_000,
  PING_AFTER_MS: 0,
  QUEUE_TIMEOUT_MS: 20_000,
  ON_CLIENT_DISCONNECT: 'cancel',
};

/** How a ground differs from the usual one. */
export interface GroundOptions {
  readonly accounts: readonly Account[];
  readonly fallbacks?: Route['fallbacks'];
  readonly settings?: Partial<GatewaySettings>;
  readonly parts?: Partial<GatewayParts>;
}

/** A gateway with the providers `openai`, `second` and `third`; the model `gpt-4` leads to the first and its fallbacks. */
export class GatewayGround {
  readonly clock = new FakeClock();
  readonly pool = new Pool();
  readonly calls: Call[] = [];
  readonly records: RequestRecord[] = [];
  /** Calls get no connection. */
  isConnecting = false;
  readonly #gateway: Gateway;

  constructor({ accounts, fallbacks = [], settings = {}, parts = {} }: GroundOptions) {
    const { clock, pool } = this;
    const route = { id: 'r', pattern: 'gpt-4', providerId: 'openai', model: null, fallbacks };
    const providers = new Map(['openai', 'second', 'third'].map((id) => [id, providerOf(id)]));
    const prices = openPriceBook(listPrices, []);
    const configuration = { revision: 1, providers, accounts, routes: [route], prices, problems: [] };
    pool.apply(configuration);
    this.#gateway = new Gateway({
      settings: { ...usualSettings, ...settings },
      endpoints,
      modelPrefixes: [],
      configuration: () => configuration,
      clientKeys: { isEmpty: true, find: () => undefined, isFresh: () => true },
      failedKeys: new FailureMeter(10),
      // Nobody here has a client key.
      limiter: undefined as unknown as Limiter,
      pool,
      rooms: new WaitingRooms(pool, clock, () => 0),
      retries: new RetryBudgets(),
      upstream: this.#upstream(),
      estimator: { count: () => Promise.resolve(0) },
      ratios: new TokenRatios(),
      clock,
      random: () => 0,
      refuseStranger: () => undefined,
      intend: () => () => undefined,
      keepTranscript() {},
      onSettled: (record) => void this.records.push(record),
      ...parts,
    });
  }

  /** A client asks; what follows at once has happened when this resolves. */
  async ask(body: Record<string, unknown> = {}, change: Partial<Exchange> = {}): Promise<Client> {
    const client = new Client();
    const exchange = exchangeOf(client, `req_${this.records.length}`, this.clock.nowMs(), { body, change });
    client.done = this.#gateway.serve(exchange);
    await this.clock.advance(0);
    return client;
  }

  /** The upstream's whole answer to the call at `at`. */
  async answer(at: number, status: number, body: unknown, headers: readonly string[] = []): Promise<void> {
    const { listener } = this.calls[at] as Call;
    listener.onHead(status, ['content-type', 'application/json', ...headers]);
    listener.onData(Buffer.from(JSON.stringify(body)));
    listener.onEnd();
    await this.clock.advance(0);
  }

  #upstream(): Upstream {
    return {
      send: ({ origin }, listener) => {
        const call: Call = { origin, listener, isAborted: false };
        this.calls.push(call);
        if (!this.isConnecting) listener.onSent();
        const abort = (): void => {
          if (call.isAborted) return;
          call.isAborted = true;
          listener.onError(new TransportError('aborted', 'aborted by the gateway'));
        };
        return { isSent: true, pause() {}, resume() {}, abort };
      },
      close: () => Promise.resolve(),
    };
  }
}

/** A whole answer that is good. */
export const goodAnswer = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

/** An error in OpenAI's form. */
export function errorAnswer(code: string, message = 'No.'): object {
  return { error: { message, type: 'invalid_request_error', param: null, code } };
}

function providerOf(id: string): Provider {
  return {
    id,
    name: id,
    baseUrl: `https://${id}.example`,
    origin: `https://${id}.example`,
    basePath: '/v1',
    authType: 'api_key',
    authStrategy: 'api_key',
    supportedModels: [],
    isActive: true,
    config: {},
    vendor: openai,
  };
}

/** What a request has of its own: members of its body, and of the exchange. */
interface Asked {
  readonly body: Record<string, unknown>;
  readonly change: Partial<Exchange>;
}

function exchangeOf(client: Client, id: string, nowMs: number, { body, change }: Asked): Exchange {
  const headers = ['content-type', 'application/json'];
  const bytes = Buffer.from(JSON.stringify({ model: 'gpt-4', messages: [{ role: 'user', content: 'Hi' }], ...body }));
  return {
    id,
    receivedAtMs: nowMs,
    method: 'POST',
    path: '/v1/chat/completions',
    headers,
    peerAddress: '127.0.0.1',
    header: (name) => (name === 'content-type' ? 'application/json' : undefined),
    cancellation: client.cancellation,
    readBody: () => bytes,
    answer: {
      get isStarted() {
        return client.status !== 0;
      },
      get sentBytes() {
        return client.text.length;
      },
      start(status, sent) {
        client.status = status;
        client.headers = sent;
      },
      write(sent) {
        client.text += Buffer.from(sent).toString();
        return true;
      },
      onceWritable() {},
      end(last) {
        if (last !== undefined) client.text += Buffer.from(last).toString();
        client.isEnded = true;
      },
    },
    ...change,
  };
}
