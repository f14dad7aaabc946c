// Every error the gateway itself answers with: one table, one class, OpenAI's form.

/** What the gateway knows of one kind of error. */
export interface ErrorRow {
  readonly status: number;
  readonly type: string;
  /** When it happens and what to do: the text of docs/errors.md. */
  readonly when: string;
  readonly remedy: string;
}

const caller = 'invalid_request_error';
const server = 'server_error';

/** Error code → HTTP status, OpenAI `type`, and what the reader needs to know. */
export const errorTable = {
  invalid_json: {
    status: 400,
    type: caller,
    when: 'The body is not valid JSON, or not a JSON object.',
    remedy: 'Send one JSON object.',
  },
  invalid_request: {
    status: 400,
    type: caller,
    when: 'A field is missing or has a value that the gateway cannot work with; `param` names it.',
    remedy: 'Correct the field that `param` names.',
  },
  invalid_client_key: {
    status: 401,
    type: caller,
    when: 'The client key or the admin token is missing, unknown, revoked or expired.',
    remedy: 'Send `Authorization: Bearer …` with a valid client key (`/v1`) or the admin token (`/api/v1`).',
  },
  invalid_api_key: {
    status: 401,
    type: caller,
    when: 'The upstream refused the API key of every account that could serve the request; the message names the accounts.',
    remedy: 'Put a valid key into the named accounts (`PATCH /api/v1/accounts/{id}`) and check them with `/test`.',
  },
  model_not_allowed: {
    status: 403,
    type: caller,
    when: 'The client key may not use this model, or has a budget and the price of the model is not known; the message names both.',
    remedy: 'Use a model that the key allows, or have the key changed or the price added.',
  },
  forbidden: {
    status: 403,
    type: caller,
    when: 'The wrong kind of key for this route, or a management request that a browser on another site could have sent.',
    remedy: 'Use the admin token for `/api/v1`, a client key for `/v1`; write with `content-type: application/json`.',
  },
  model_not_found: {
    status: 404,
    type: caller,
    when: 'No route leads from the model name to an active provider.',
    remedy: 'Check the name, or add a route (`POST /api/v1/routes`).',
  },
  not_found: {
    status: 404,
    type: caller,
    when: 'There is no such path or resource.',
    remedy: 'Check the path; `/api/v1/docs` lists the management API.',
  },
  method_not_allowed: {
    status: 405,
    type: caller,
    when: 'The path exists, but not for this method.',
    remedy: 'Use one of the methods in the `allow` header.',
  },
  conflict: {
    status: 409,
    type: caller,
    when: 'A resource of this id exists already, or is still in use.',
    remedy: 'Choose another id, or change the existing resource with PATCH.',
  },
  request_too_large: {
    status: 413,
    type: caller,
    when: 'The body is larger than `MAX_BODY_BYTES`, or than the upstream takes; the message says which.',
    remedy: 'Send less, or raise `AIGATEWAY_MAX_BODY_BYTES`.',
  },
  unsupported_media_type: {
    status: 415,
    type: caller,
    when: 'The body is not declared as `application/json`.',
    remedy: 'Send `content-type: application/json`.',
  },
  rate_limit_exceeded: {
    status: 429,
    type: 'requests',
    when: "The client key's own limit is reached; `type` is `requests`, `tokens` or `concurrency`. Or requests with a wrong key or token came too often from this address.",
    remedy: 'Wait for `Retry-After`.',
  },
  budget_exceeded: {
    status: 429,
    type: 'insufficient_quota',
    when: "What is left of the client key's own budget does not cover the request.",
    remedy: 'Wait for the next period, or have the budget raised; retrying does not help.',
  },
  upstream_rate_limited: {
    status: 429,
    type: 'requests',
    when: 'Every account that could serve is throttled, or as busy as it may be, and the wait does not fit `QUEUE_TIMEOUT_MS` or the deadline.',
    remedy: 'Wait for `Retry-After`, or add accounts of another organization.',
  },
  insufficient_quota: {
    status: 429,
    type: 'insufficient_quota',
    when: 'Every account that could serve is out of credit.',
    remedy: 'Add credit or another account; retrying does not help.',
  },
  upstream_unavailable: {
    status: 502,
    type: server,
    when: 'No connection to the upstream could be made, it closed the connection without an answer, or every account that could serve has failed so often that its circuit is open.',
    remedy: 'Try again, after `Retry-After` where there is one; `aigateway doctor` checks the provider.',
  },
  upstream_invalid_response: {
    status: 502,
    type: server,
    when: 'The upstream answered with something that is not HTTP, not JSON, or cut short.',
    remedy: "Try again; if it stays, check the provider's `base_url`.",
  },
  no_account: {
    status: 503,
    type: server,
    when: 'The provider has no active account that may serve the model.',
    remedy: 'Add or activate an account (`POST /api/v1/accounts`).',
  },
  overloaded: {
    status: 503,
    type: server,
    when: 'The request bodies in flight fill `MAX_BODY_BYTES_IN_FLIGHT`, or the gateway is shutting down.',
    remedy: 'Try again after `Retry-After`.',
  },
  storage_unavailable: {
    status: 503,
    type: server,
    when: 'The database cannot be reached and the answer depends on it: a change, a client key that the gateway does not know, or what a key with a budget has spent.',
    remedy: 'Try again; `GET /ready` shows the state of the stores.',
  },
  upstream_timeout: {
    status: 504,
    type: server,
    when: 'A time limit passed while the upstream was silent; the message says which limit.',
    remedy: 'Try again, or raise the limit that the message names.',
  },
  upstream_stream_interrupted: {
    status: 502,
    type: server,
    when: 'In a stream, after the first content: the upstream failed or ended without a finish reason.',
    remedy: 'Discard the partial answer and try again.',
  },
  upstream_stream_stalled: {
    status: 504,
    type: server,
    when: 'In a stream, after the first content: the upstream was silent longer than `STREAM_IDLE_TIMEOUT_MS`.',
    remedy: 'Discard the partial answer and try again.',
  },
  gateway_error: {
    status: 500,
    type: server,
    when: 'A fault of the gateway itself; the log line of this request id has the cause.',
    remedy: 'Please report it with the log line.',
  },
} as const satisfies Record<string, ErrorRow>;

/** The `code` of an error that the gateway itself answers with. */
export type ErrorCode = keyof typeof errorTable;

/** What an error may carry besides its code and message. */
export interface ErrorDetails {
  /** The field of the request that is at fault. */
  readonly param?: string;
  /** Another `type` than the table's, where one code has several. */
  readonly type?: string;
  /** Milliseconds after which a retry can succeed; sent as `Retry-After` (whole seconds, rounded up) and `retry-after-ms`. */
  readonly retryAfterMs?: number;
  /** False where a retry cannot help: sent as `x-should-retry: false`, which OpenAI's SDKs obey. */
  readonly shouldRetry?: boolean;
  /** Further answer headers, name and value in turn. */
  readonly headers?: readonly string[];
  /** What lies behind it: for the log, never for the client. */
  readonly cause?: unknown;
}

/** An error for the client, in one sentence that says what happened and what to do. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.status = errorTable[code].status;
    this.type = details.type ?? errorTable[code].type;
    this.param = details.param ?? null;
    this.details = details;
  }

  /** The answer's body: OpenAI's form (openai-openapi.yml, `ErrorResponse`). */
  toBody(): string {
    return JSON.stringify({
      error: { message: this.message, type: this.type, param: this.param, code: this.code },
    });
  }

  /** The headers that belong to the error, name and value in turn. */
  toHeaders(): string[] {
    const { retryAfterMs, shouldRetry, headers } = this.details;
    const list = headers === undefined ? [] : [...headers];
    if (retryAfterMs !== undefined) {
      list.push(
        'retry-after',
        String(Math.ceil(retryAfterMs / 1000)),
        'retry-after-ms',
        String(Math.ceil(retryAfterMs)),
      );
    }
    if (shouldRetry !== undefined) list.push('x-should-retry', String(shouldRetry));
    return list;
  }
}
