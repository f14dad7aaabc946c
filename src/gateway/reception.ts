// Receives an answer that is judged as a whole: an error, or a success that came in one piece.
import { failureOf, type Failure, type FailureKind } from '../core/failure.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { UsageReport } from '../core/usage.ts';
import { joinBytes } from '../lib/bytes.ts';
import { withoutMark } from '../lib/byte-order-mark.ts';
import { isWholeJson, skipSpace } from '../lib/json-scan.ts';
import { uncountedBytes, type HoldAnswer } from './commit.ts';
import type { HeldAnswer } from './verdict.ts';
import { readWholeAnswer } from './whole-answer.ts';

/** Largest error body that is kept. */
const errorBodyLimitBytes = 1 << 20;
/** Largest answer that is held back: an upstream that sends more is not answering, it is flooding. */
export const heldLimitBytes: number = 128 << 20;
/** At most so much of an answer in one piece is counted. */
const countedLimitBytes = 1 << 20;
const openBrace = 0x7b;

/** What an answer, or the part of it that came, tells of its use. */
export interface Heard extends UsageReport {
  /** Content came after the last usage: it tells of a part only. */
  readonly isUsageStale: boolean;
  /** The beginning of an answer in one piece: to be counted where it does not say what it used. */
  readonly body: Uint8Array | undefined;
}

/** Of what is no answer. */
export const nothingHeard: Heard = {
  rawUsage: undefined,
  serviceTier: undefined,
  isUsageStale: false,
  body: undefined,
};

/**
 * What became of an answer. `whole`: `body` is what is still to be sent of it. `failed`: it is none, and nothing of it
 * has been sent. `broken`: it broke off after a part of it had been sent.
 */
export type Conclusion = { readonly heard: Heard } & (
  | { readonly kind: 'whole'; readonly body: Uint8Array | undefined }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly answer: HeldAnswer | undefined }
  | { readonly kind: 'broken'; readonly failure: Failure; readonly code: ErrorCode }
);

/** Takes an upstream's answer as it comes. */
export interface Reception {
  /** It does not wait for the first content of a stream: that has come, or this is none. */
  readonly hasContent: boolean;
  /** Nothing but the end mark of a stream is still to come. */
  readonly isComplete: boolean;
  /** Takes one read, whose memory is somebody else's again afterwards; a conclusion where this read decides. */
  take(chunk: Uint8Array): Conclusion | undefined;
  /** The upstream has ended; `broken` says how, where it did not end well. */
  close(broken: Failure | undefined, code?: ErrorCode): Conclusion;
}

/** The head of an answer, and how its errors are judged. */
export interface AnswerHead {
  readonly status: number;
  /** The value of a header as the upstream sent it, by its name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** For the client, name and value in turn. */
  readonly headers: readonly string[];
  /** Lays an error body at the right door. */
  classify(body: Uint8Array): Failure;
  /** Takes secrets out of a text. */
  redact(text: string): string;
}

/** Kinds of failure that an upstream reports under a 200 → the status that they should have had. */
const properStatus: Partial<Record<FailureKind, number>> = {
  caller_error: 400,
  context_length_exceeded: 400,
  request_too_large: 413,
  policy_refused: 403,
  invalid_api_key: 401,
  model_not_found: 404,
  rate_limited: 429,
  insufficient_quota: 429,
  upstream_overloaded: 503,
};

/** The same bytes where there is no secret in them: they may be no UTF-8, and would not come back from a text. */
function withoutSecrets(body: Uint8Array, head: AnswerHead): Uint8Array {
  const text = Buffer.from(body).toString('utf8');
  const clean = head.redact(text);
  return clean === text ? body : Buffer.from(clean);
}

/** An error that came under a 200, with the status that it should have had. */
export function errorUnderSuccess(head: AnswerHead, body: Uint8Array): Conclusion & { kind: 'failed' } {
  const { headers } = head;
  const failure = head.classify(body);
  const clean = withoutSecrets(body, head);
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i] !== 'content-type') kept.push(headers[i] as string, headers[i + 1] as string);
  }
  const own = ['content-type', 'application/json', 'content-length', String(clean.length)];
  const status = properStatus[failure.kind] ?? 502;
  const answer: HeldAnswer = { status, headers: [...kept, ...own], body: clean, isJson: true };
  return { kind: 'failed', failure, answer, heard: nothingHeard };
}

/** Receives an answer whose status says that it failed. */
export class ErrorReception implements Reception {
  readonly hasContent = true;
  readonly isComplete = false;
  readonly #head: AnswerHead;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(head: AnswerHead) {
    this.#head = head;
  }

  take(chunk: Uint8Array): undefined {
    this.#bytes += chunk.length;
    if (this.#bytes <= errorBodyLimitBytes) this.#chunks.push(joinBytes([chunk]));
  }

  close(broken: Failure | undefined): Conclusion {
    if (broken !== undefined) return { kind: 'failed', failure: broken, answer: undefined, heard: nothingHeard };
    const { status, headers } = this.#head;
    const raw = Buffer.concat(this.#chunks);
    // A redirect is no error that a client may see: its own library would follow it, past the gateway.
    const isJson = status >= 400 && raw.length > 0 && isWholeJson(withoutMark(raw));
    const body = isJson ? withoutSecrets(raw, this.#head) : raw;
    const answer: HeldAnswer = { status, headers, body, isJson };
    return { kind: 'failed', failure: this.#head.classify(raw), answer, heard: nothingHeard };
  }
}

/** Receives a success that is no stream: held until it is whole, so that a cut one never reaches the client. */
export class WholeReception implements Reception {
  readonly hasContent = true;
  readonly isComplete = false;
  readonly #head: AnswerHead;
  readonly #hold: HoldAnswer;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(head: AnswerHead, hold: HoldAnswer) {
    this.#head = head;
    this.#hold = hold;
  }

  take(chunk: Uint8Array): Conclusion | undefined {
    this.#bytes += chunk.length;
    this.#chunks.push(joinBytes([chunk]));
    // A part of it is no answer: it is held even where that keeps newcomers out.
    if (this.#bytes > uncountedBytes) this.#hold(chunk.length);
    return this.#bytes > heldLimitBytes ? this.#invalid(`more than ${heldLimitBytes} bytes`) : undefined;
  }

  close(broken: Failure | undefined): Conclusion {
    if (broken !== undefined) return this.#failed(broken);
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
    const text = withoutMark(body);
    const { isWhole, isError, rawUsage, serviceTier } = readWholeAnswer(text);
    if (isError) return errorUnderSuccess(this.#head, body);
    if (isWhole) {
      const heard: Heard = { rawUsage, serviceTier, isUsageStale: false, body: text.subarray(0, countedLimitBytes) };
      return { kind: 'whole', body, heard };
    }
    return this.#invalid(body.length === 0 ? 'an empty body' : 'a body that is not whole JSON');
  }

  #invalid(what: string): Conclusion {
    const { status } = this.#head;
    return this.#failed(failureOf('invalid_response', `answered ${status} with ${what}`, { status }));
  }

  /** What came of a cut answer is kept where it may be one. */
  #failed(failure: Failure): Conclusion {
    const begun: Buffer = Buffer.concat(this.#chunks, Math.min(this.#bytes, countedLimitBytes));
    const body = begun[skipSpace(begun, 0, begun.length)] === openBrace ? begun : undefined;
    return { kind: 'failed', failure, answer: undefined, heard: { ...nothingHeard, body } };
  }
}
