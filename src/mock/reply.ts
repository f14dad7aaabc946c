// What the fake OpenAI answers to one request, as a value: status, headers, and a body that is either whole or a series of steps.

/** Bytes or text of a body. Text goes out as UTF-8. */
export type Chunk = string | Buffer;

/** Answer headers, names in lower case. */
export type ReplyHeaders = Readonly<Record<string, string | readonly string[]>>;

/** What a written step is within the answer: parts of a stream, a whole body, or something that a fault added. */
export type WriteKind = 'role' | 'content' | 'finish' | 'usage' | 'done' | 'body' | 'extra';

/** Bytes to send; `tokens` is how many completion tokens they carry. */
export interface WriteStep {
  readonly kind: WriteKind;
  readonly data: Chunk;
  readonly tokens: number;
}

/**
 * One thing to do while answering: write; pause for `ms`; hold the socket open until someone closes it; reset it (a real RST);
 * or hang up (a FIN without the proper end of the answer). A series that just stops ends the answer cleanly.
 */
export type Step =
  | WriteStep
  | { readonly kind: 'pause'; readonly ms: number }
  | { readonly kind: 'hold' | 'reset' | 'hang-up' };

/** Tokens as the answer's usage object states them. */
export interface TokenCount {
  readonly prompt: number;
  readonly completion: number;
  /** Part of the prompt that was read from the cache; none where absent. */
  readonly cached?: number;
}

/** One answer. */
export interface Reply {
  readonly status: number;
  readonly headers: ReplyHeaders;
  /** A whole body goes out with a content-length; steps go out chunked. */
  readonly body: Chunk | Iterable<Step>;
  /** Steps go straight to the socket, with no HTTP head before them. */
  readonly isRaw?: boolean;
  /** The answer pretends to come from something in front of OpenAI, so it carries none of OpenAI's own headers. */
  readonly isForeign?: boolean;
  readonly tokens?: TokenCount;
  /** Wait before the head goes out. */
  readonly delayMs?: number;
}

/** True when the body is a series of steps. */
export function hasSteps(reply: Reply): reply is Reply & { readonly body: Iterable<Step> } {
  return typeof reply.body !== 'string' && !Buffer.isBuffer(reply.body);
}

/** The body as steps, whichever way the reply holds it. */
export function stepsOf(reply: Reply): Iterable<Step> {
  if (hasSteps(reply)) return reply.body;
  return [{ kind: 'body', data: reply.body as Chunk, tokens: reply.tokens?.completion ?? 0 }];
}

/** A whole JSON answer, indented by two as OpenAI's are. */
export function jsonReply(value: unknown, tokens?: TokenCount): Reply {
  const body = JSON.stringify(value, null, 2);
  const headers = { 'content-type': 'application/json' };
  return tokens === undefined ? { status: 200, headers, body } : { status: 200, headers, body, tokens };
}

/** A streamed answer (server-sent events). */
export function streamReply(steps: Iterable<Step>, tokens: TokenCount): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    body: steps,
    tokens,
  };
}

/** The last event of a stream. */
export const DONE: WriteStep = { kind: 'done', data: 'data: [DONE]\n\n', tokens: 0 };

/** A written step. */
export function write(kind: WriteKind, data: Chunk, tokens: number = 0): WriteStep {
  return { kind, data, tokens };
}
