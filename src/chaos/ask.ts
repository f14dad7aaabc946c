// The client of chaos: asks one question, streamed or whole, and keeps all that it saw.
import { request as sendRequest, type IncomingHttpHeaders } from 'node:http';
import { eventData, EventSplitter } from '../lib/sse.ts';
import type { Mode } from './scene.ts';

const question = 'Which way does the river run when the bridge is down?';

/** What the fake OpenAI says to it. */
export const answerText = `Echo: ${question}`;

const patienceMs = 60_000;
const eventLimitBytes = 1 << 24;

/** OpenAI's error object, as far as it is looked at. */
export interface SeenError {
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
}

/** All that a client saw of one answer. */
export interface Sight {
  /** Undefined where no answer came at all. */
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The body as it came. */
  readonly text: string;
  /** What the model said. */
  readonly content: string;
  readonly finishReasons: readonly string[];
  /** Opening chunks of a stream; one where all is well. */
  readonly roles: number;
  readonly hasDone: boolean;
  readonly error: SeenError | undefined;
  /** The answer came to its proper end as far as HTTP goes. */
  readonly isEnded: boolean;
  /** Something in it was not JSON, or something came after the error. */
  readonly isMalformed: boolean;
  readonly tookMs: number;
}

/** The body of the question. */
export function questionBody(model: string, mode: Mode): string {
  return JSON.stringify({
    model,
    messages: [{ role: 'user', content: question }],
    ...(mode === 'streamed' && { stream: true }),
  });
}

/** Asks, and resolves when the answer is over, however it ends. */
export function ask(
  { url, model }: { readonly url: string; readonly model: string },
  mode: Mode,
  headers: Readonly<Record<string, string>> = {},
): Promise<Sight> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const see = (status: number | undefined, given: IncomingHttpHeaders, body: Buffer, isEnded: boolean): void => {
      clearTimeout(patience);
      const meaning = isStream(given) ? readStream(body) : readWhole(body.toString('utf8'));
      const tookMs = performance.now() - startedAt;
      resolve({ status, headers: given, text: body.toString('utf8'), isEnded, tookMs, ...meaning });
    };
    const request = sendRequest(
      `${url}/v1/chat/completions`,
      { method: 'POST', agent: false, headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => {});
        response.on('close', () =>
          see(response.statusCode, response.headers, Buffer.concat(chunks), response.complete),
        );
      },
    );
    request.on('error', () => see(undefined, {}, Buffer.alloc(0), false));
    const patience = setTimeout(() => request.destroy(new Error('out of patience')), patienceMs);
    request.end(questionBody(model, mode));
  });
}

type Meaning = Pick<Sight, 'content' | 'finishReasons' | 'roles' | 'hasDone' | 'error' | 'isMalformed'>;

const nothing: Meaning = {
  content: '',
  finishReasons: [],
  roles: 0,
  hasDone: false,
  error: undefined,
  isMalformed: false,
};

/** A chunk of a stream, or a whole answer, as far as it is looked at. */
interface Answer {
  readonly error?: SeenError;
  readonly choices?: readonly {
    readonly finish_reason: string | null;
    readonly delta?: { readonly role?: string; readonly content?: string | null };
    readonly message?: { readonly content?: string | null };
  }[];
}

function isStream(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('text/event-stream') === true;
}

function readWhole(text: string): Meaning {
  const answer = parse(text);
  if (answer === undefined) return { ...nothing, isMalformed: true };
  const choice = answer.choices?.[0];
  const reason = choice?.finish_reason ?? null;
  return {
    ...nothing,
    content: choice?.message?.content ?? '',
    finishReasons: reason === null ? [] : [reason],
    error: answer.error,
  };
}

function readStream(bytes: Buffer): Meaning {
  const seen = { content: '', finishReasons: [] as string[], roles: 0, hasDone: false, isMalformed: false };
  let error: SeenError | undefined;
  const read = (event: Uint8Array): void => {
    const data = eventData(event);
    if (data === undefined) return;
    if (error !== undefined || seen.hasDone) seen.isMalformed = true;
    const text = Buffer.from(data).toString('utf8');
    if (text === '[DONE]') {
      seen.hasDone = true;
      return;
    }
    const chunk = parse(text);
    if (chunk === undefined) seen.isMalformed = true;
    error ??= chunk?.error;
    for (const { delta, finish_reason: reason } of chunk?.choices ?? []) {
      if (delta?.role !== undefined) seen.roles += 1;
      seen.content += delta?.content ?? '';
      if (reason !== null) seen.finishReasons.push(reason);
    }
  };
  const splitter = new EventSplitter(eventLimitBytes);
  splitter.push(bytes, read);
  // An event without its closing blank line is no event.
  if (splitter.pendingBytes > 0) seen.isMalformed = true;
  return { ...seen, error };
}

function parse(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
