// Parse: finds in the body's bytes what the gateway must know. The body is never decoded as a whole.
import type { OutputLimitName } from '../core/endpoint.ts';
import { GatewayError } from '../core/errors.ts';
import { hasMark } from '../lib/byte-order-mark.ts';
import { nameIs, passObject, skipSpace, skipValue, walkObject, type Span } from '../lib/json-scan.ts';
import { readValue } from '../lib/json-value.ts';
import { NameTable } from '../lib/name-table.ts';
import { noContent, passContent, type ContentDraft } from '../limits/content.ts';
import { mediaTokens } from '../limits/estimate.ts';
import type { RequestShape } from '../limits/request-shape.ts';

const openBrace = 0x7b;
const letterT = 0x74;
const letterN = 0x6e;
const longestModelName = 512;
const longestTierName = 64;
const bytesPerToken = 4;
const shortAnswerTokens = 16;

const members = new NameTable([
  'model',
  'stream',
  'stream_options',
  'messages',
  'prompt',
  'input',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'best_of',
  'service_tier',
  'modalities',
  'audio',
  'prediction',
  'web_search_options',
] as const);

/** What the gateway knows of a request body. */
export interface ParsedRequest extends RequestShape {
  /** Empty when it has been let go: the answer is on its way. */
  body: Uint8Array;
  readonly isStream: boolean;
  /** Answers to each prompt that come back: `n`, however many the upstream makes to choose from. */
  readonly answers: number;
  /** The client itself asked for the usage chunk. */
  readonly asksUsage: boolean;
  readonly places: Places;
}

/** A member that limits the answer's tokens, as the client wrote it. */
export interface WrittenLimit {
  readonly name: OutputLimitName;
  readonly span: Span;
  /** Undefined where it is no whole number, or a negative one. */
  readonly tokens: number | undefined;
  readonly isNull: boolean;
}

/** Where in the body the members stand that an edit may touch. */
export interface Places {
  /** Every value of `model`: more than one where the client repeats the name. */
  readonly model: readonly Span[];
  readonly streamOptions: Span | undefined;
  /** The value of `include_usage` in `stream_options`. */
  readonly includeUsage: Span | undefined;
  readonly outputLimits: readonly WrittenLimit[];
  /** The position of the closing brace. */
  readonly close: number;
}

const anyLimitName: readonly OutputLimitName[] = ['max_tokens', 'max_completion_tokens'];

/**
 * Reads a request body; throws a `GatewayError` where it cannot be one. `limitNames` are those by which its endpoint can
 * be told how long an answer may be.
 */
export function parseRequest(body: Uint8Array, limitNames: readonly OutputLimitName[] = anyLimitName): ParsedRequest {
  const start = skipSpace(body, 0, body.length);
  if (start === body.length) throw new GatewayError('invalid_json', 'The request body is empty; send a JSON object.');
  const draft = newDraft(body);
  const end = passObject(body, start, body.length, (nameStart, nameEnd, valueStart) => {
    const name = members.find(body, nameStart, nameEnd);
    if (name === 'messages' || name === 'prompt' || name === 'input')
      return passContent(body, valueStart, draft.content);
    if (name === undefined) checkCase(body, nameStart, nameEnd);
    const valueEnd = skipValue(body, valueStart, body.length);
    const isKnown = name !== undefined && (!isLimitName(name) || limitNames.includes(name));
    if (isKnown && valueEnd !== -1) note(draft, name, { start: valueStart, end: valueEnd });
    return valueEnd;
  });
  if (end === -1 || skipSpace(body, end, body.length) !== body.length) {
    const what = foreign(body) ?? (body[start] === openBrace ? 'is not valid JSON' : 'must be a JSON object');
    throw new GatewayError('invalid_json', `The request body ${what}.`);
  }
  const { streamOptions } = draft;
  const includeUsage = streamOptions === undefined ? undefined : findIncludeUsage(body, streamOptions);
  return {
    body,
    model: readModel(body, draft.model.at(-1)),
    isStream: draft.isStream,
    asksUsage: includeUsage !== undefined && body[includeUsage.start] === letterT,
    outputLimit: limitOf(draft.outputLimits),
    choices: draft.choices,
    answers: draft.answers,
    content: draft.content,
    serviceTier: draft.serviceTier,
    mayAnswerInSound: draft.mayAnswerInSound,
    searchesTheWeb: draft.searchesTheWeb,
    predictedBytes: draft.predictedBytes,
    places: { model: draft.model, streamOptions, includeUsage, outputLimits: draft.outputLimits, close: end - 1 },
  };
}

/**
 * A server that reads names in any case would serve another model, or more of it, than the one that was looked at here.
 * OpenAI refuses such a name, as it does every name that it does not know.
 */
function checkCase(body: Uint8Array, nameStart: number, nameEnd: number): void {
  const name = members.findInAnyCase(body, nameStart, nameEnd);
  if (name === undefined) return;
  const written = String(readValue(body, nameStart, nameEnd));
  throw new GatewayError('invalid_request', `There is no parameter "${written}"; write it "${name}".`, {
    param: written,
  });
}

/** The larger of the limits; null where there is none, or where a server may read one as none. */
function limitOf(limits: readonly WrittenLimit[]): number | null {
  if (limits.length === 0) return null;
  const set = limits.filter(({ tokens }) => tokens !== undefined);
  const isDoubtful = limits.some(
    ({ name, tokens, isNull }) => tokens === undefined && (!isNull || set.some((other) => other.name === name)),
  );
  return set.length === 0 || isDoubtful ? null : Math.max(...set.map(({ tokens }) => tokens ?? 0));
}

/** What stands in the way of a body that may well be right behind it; undefined where nothing is known. */
function foreign(body: Uint8Array): string | undefined {
  if (body[0] === 0x1f && body[1] === 0x8b) return 'is compressed with gzip; send it as it is';
  if (hasMark(body)) return 'begins with a byte order mark; send it without';
  return undefined;
}

interface Draft {
  readonly body: Uint8Array;
  readonly model: Span[];
  readonly outputLimits: WrittenLimit[];
  streamOptions: Span | undefined;
  isStream: boolean;
  readonly content: ContentDraft;
  choices: number;
  answers: number;
  serviceTier: string | null;
  mayAnswerInSound: boolean;
  searchesTheWeb: boolean;
  predictedBytes: number;
}

function newDraft(body: Uint8Array): Draft {
  return {
    body,
    model: [],
    outputLimits: [],
    streamOptions: undefined,
    isStream: false,
    content: noContent(body),
    choices: 1,
    answers: 1,
    serviceTier: null,
    mayAnswerInSound: false,
    searchesTheWeb: false,
    predictedBytes: 0,
  };
}

function isLimitName(name: string): name is OutputLimitName {
  return name === 'max_tokens' || name === 'max_completion_tokens';
}

type MemberName = Exclude<ReturnType<typeof members.find>, 'messages' | 'prompt' | 'input' | undefined>;

/** Notes one member. Of repeated ones the last counts, as with every reader of JSON, but of two limits the larger. */
function note(draft: Draft, name: MemberName, span: Span): void {
  const { body } = draft;
  const isNull = body[span.start] === letterN;
  switch (name) {
    case 'model':
      draft.model.push(span);
      return;
    case 'stream':
      draft.isStream = body[span.start] === letterT;
      return;
    case 'stream_options':
      draft.streamOptions = span;
      return;
    case 'max_tokens':
    case 'max_completion_tokens':
      draft.outputLimits.push({ name, span, tokens: readWhole(body, span), isNull });
      return;
    case 'n':
      draft.answers = Math.max(draft.answers, readChoices(body, span));
      draft.choices = Math.max(draft.choices, draft.answers);
      return;
    case 'best_of':
      draft.choices = Math.max(draft.choices, readChoices(body, span));
      return;
    case 'service_tier':
      draft.serviceTier = readTier(body, span);
      return;
    case 'modalities':
    case 'audio':
      draft.mayAnswerInSound ||= !isNull;
      return;
    case 'prediction':
      draft.predictedBytes = isNull ? 0 : span.end - span.start;
      return;
    case 'web_search_options':
      draft.searchesTheWeb = !isNull;
  }
}

function readTier(body: Uint8Array, span: Span): string | null {
  const value = readValue(body, span.start, span.end);
  return typeof value === 'string' && value.length <= longestTierName ? value : null;
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

/** A number in quotes counts as well: some servers read it so. */
function readChoices(body: Uint8Array, span: Span): number {
  const value = readValue(body, span.start, span.end);
  const choices = Number(typeof value === 'string' ? value : (readWhole(body, span) ?? 1));
  return Number.isSafeInteger(choices) ? choices : 1;
}

function readWhole(body: Uint8Array, span: Span): number | undefined {
  const value = readValue(body, span.start, span.end);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/**
 * What the request may count as against an account's limit of tokens a minute: the text of its prompt by its length, its
 * pictures and sounds as middling ones, and the most that it lets the model say. Only a guess until the upstream's own count is known.
 */
export function estimateTokens({ content, outputLimit, choices }: ParsedRequest): number {
  const prompt = Math.ceil(content.textBytes / bytesPerToken) + mediaTokens(content);
  return prompt + (outputLimit ?? shortAnswerTokens) * choices;
}

function findIncludeUsage(body: Uint8Array, options: Span): Span | undefined {
  let found: Span | undefined;
  walkObject(body, options.start, options.end, (nameStart, nameEnd, start, end) => {
    if (nameIs(body, nameStart, nameEnd, 'include_usage')) found = { start, end };
  });
  return found;
}
