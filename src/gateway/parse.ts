// Parse: finds in the body's bytes what the gateway must know, and makes the few edits it may make.
import { GatewayError } from '../core/errors.ts';
import { nameIs, readValue, skipSpace, walkObject, type Span } from '../lib/json-scan.ts';

const openBrace = 0x7b;
const letterT = 0x74;
const longestModelName = 512;
const boundNames = ['max_tokens', 'max_completion_tokens'];
const bytesPerToken = 4;
const shortAnswerTokens = 16;

/** What the gateway knows of a request body. */
export interface ParsedRequest {
  /** As the client sent it. */
  readonly body: Uint8Array;
  readonly model: string;
  readonly isStream: boolean;
  /** The client itself asked for the usage chunk. */
  readonly asksUsage: boolean;
  /** The larger of `max_tokens` and `max_completion_tokens`, times `n`; null where neither is given. */
  readonly outputBound: number | null;
  readonly places: Places;
}

/** Where in the body the members stand that an edit may touch. */
interface Places {
  /** Every value of `model`: more than one where the client repeats the name. */
  readonly model: readonly Span[];
  readonly streamOptions: Span | undefined;
  /** The value of `include_usage` in `stream_options`. */
  readonly includeUsage: Span | undefined;
  /** The position of the closing brace. */
  readonly close: number;
}

/** What is to be changed. */
export interface Edits {
  /** The model name for the upstream. */
  readonly model: string;
  /** Ask the upstream for the usage chunk, which the client did not ask for. */
  readonly addUsage: boolean;
}

/** Reads a request body; throws a `GatewayError` where it cannot be one. */
export function parseRequest(body: Uint8Array): ParsedRequest {
  const start = skipSpace(body, 0, body.length);
  if (start === body.length) throw new GatewayError('invalid_json', 'The request body is empty; send a JSON object.');
  const model: Span[] = [];
  let stream: Span | undefined;
  let bound: number | null = null;
  let choices = 1;
  let streamOptions: Span | undefined;
  const end = walkObject(body, start, body.length, (nameStart, nameEnd, valueStart, valueEnd) => {
    const span = { start: valueStart, end: valueEnd };
    if (nameIs(body, nameStart, nameEnd, 'model')) model.push(span);
    else if (nameIs(body, nameStart, nameEnd, 'stream')) stream = span;
    else if (nameIs(body, nameStart, nameEnd, 'stream_options')) streamOptions = span;
    else if (nameIs(body, nameStart, nameEnd, 'n')) choices = readCount(body, span) ?? 1;
    else if (boundNames.some((name) => nameIs(body, nameStart, nameEnd, name))) {
      bound = Math.max(bound ?? 0, readCount(body, span) ?? 0) || null;
    }
  });
  if (end === -1 || skipSpace(body, end, body.length) !== body.length) {
    const what = body[start] === openBrace ? 'is not valid JSON' : 'must be a JSON object';
    throw new GatewayError('invalid_json', `The request body ${what}.`);
  }
  const includeUsage = streamOptions === undefined ? undefined : findIncludeUsage(body, streamOptions);
  return {
    body,
    model: readModel(body, model.at(-1)),
    isStream: stream !== undefined && body[stream.start] === letterT,
    asksUsage: includeUsage !== undefined && body[includeUsage.start] === letterT,
    outputBound: bound === null ? null : bound * choices,
    places: { model, streamOptions, includeUsage, close: end - 1 },
  };
}

function readModel(body: Uint8Array, span: Span | undefined): string {
  const value = span === undefined ? undefined : readValue(body, span.start, span.end);
  if (value === undefined)
    throw new GatewayError('invalid_request', 'You must provide a model parameter.', { param: 'model' });
  if (typeof value !== 'string' || value === '' || value.length > longestModelName) {
    throw new GatewayError('invalid_request', `The model must be a text of 1 to ${longestModelName} characters.`, {
      param: 'model',
    });
  }
  return value;
}

function readCount(body: Uint8Array, span: Span): number | undefined {
  const value = readValue(body, span.start, span.end);
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/**
 * What the request may count as against a limit of tokens a minute: its prompt by its length, and the most that it
 * lets the model say. Only a guess until the upstream's own count is known.
 */
export function estimateTokens({ body, outputBound }: ParsedRequest): number {
  return Math.ceil(body.length / bytesPerToken) + (outputBound ?? shortAnswerTokens);
}

function findIncludeUsage(body: Uint8Array, options: Span): Span | undefined {
  let found: Span | undefined;
  walkObject(body, options.start, options.end, (nameStart, nameEnd, start, end) => {
    if (nameIs(body, nameStart, nameEnd, 'include_usage')) found = { start, end };
  });
  return found;
}

/** The body for the upstream: the very bytes of the client where nothing is to be changed. */
export function editBody(request: ParsedRequest, edits: Edits): Uint8Array {
  const { body, places } = request;
  const splices: { span: Span; text: string }[] = [];
  if (edits.model !== request.model) {
    for (const span of places.model) splices.push({ span, text: JSON.stringify(edits.model) });
  }
  if (edits.addUsage) {
    const splice = usageSplice(body, places);
    if (splice !== undefined) splices.push(splice);
  }
  if (splices.length === 0) return body;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const { span, text } of splices.sort((a, b) => a.span.start - b.span.start)) {
    parts.push(body.subarray(at, span.start), Buffer.from(text));
    at = span.end;
  }
  parts.push(body.subarray(at));
  return Buffer.concat(parts);
}

function usageSplice(body: Uint8Array, places: Places): { span: Span; text: string } | undefined {
  const { streamOptions, includeUsage, close } = places;
  if (streamOptions === undefined) {
    // A request has its model, so the object is not empty: a comma is due.
    return { span: { start: close, end: close }, text: ',"stream_options":{"include_usage":true}' };
  }
  if (includeUsage !== undefined) return { span: includeUsage, text: 'true' };
  if (body[streamOptions.start] === openBrace) {
    const inside = { start: streamOptions.start + 1, end: streamOptions.start + 1 };
    const isEmpty = skipSpace(body, inside.start, streamOptions.end) === streamOptions.end - 1;
    return { span: inside, text: `"include_usage":true${isEmpty ? '' : ','}` };
  }
  const isNull = streamOptions.end - streamOptions.start === 4;
  // Anything but an object or null is the client's mistake: the upstream tells it.
  return isNull ? { span: streamOptions, text: '{"include_usage":true}' } : undefined;
}
