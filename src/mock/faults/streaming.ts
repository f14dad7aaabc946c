// Faults of a stream's content and order; a call without a stream gets the nearest thing.
import { errorBody, SERVER_ERROR } from '../refusals.ts';
import {
  DONE,
  hasSteps,
  jsonReply,
  stepsOf,
  streamReply,
  write,
  type Reply,
  type Step,
  type WriteStep,
} from '../reply.ts';
import { changing, type Fault, type FaultParameter } from './fault.ts';
import { afterContent, insertAfterContent, isWrite, mapWrites, without } from '../steps.ts';

const CHUNKS_BEFORE: FaultParameter = { meaning: 'content chunks before it', byDefault: 2 };
const NO_TOKENS = { prompt: 0, completion: 0 };
const ERROR_EVENT = write('extra', `data: ${JSON.stringify(errorBody(SERVER_ERROR))}\n\n`);
const MALFORMED_EVENT = write(
  'extra',
  'data: {"id":"chatcmpl-malformed","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"cont\n\n',
);
const TEXT_FIELD = /"(content|text)":\s*"(?:[^"\\]|\\.)*"/;

/** The rows, by name. */
export const STREAMING_FAULTS = {
  'cut-mid-stream': {
    about: 'Some content chunks (or half a body), then a clean end: no finish reason, no [DONE].',
    parameter: CHUNKS_BEFORE,
    reply: changing((reply, chunks) => ({ ...reply, body: afterContent(stepsOf(reply), chunks, []) })),
  },
  'no-done': {
    about: 'A whole stream that lacks only [DONE].',
    reply: changing((reply) => (hasSteps(reply) ? { ...reply, body: without(reply.body, 'done') } : reply)),
  },
  'no-finish-reason': {
    about: 'A stream with [DONE] but without a finish reason.',
    reply: changing((reply) => (hasSteps(reply) ? { ...reply, body: without(reply.body, 'finish') } : reply)),
  },
  'empty-stream': {
    about: '200 and an event stream without a single event.',
    reply: changing((reply) => ({ ...reply, body: '' })),
  },
  'only-done': {
    about: 'A stream of [DONE] alone.',
    reply: changing((reply) => (hasSteps(reply) ? { ...reply, body: [DONE] } : { ...reply, body: '{}' })),
  },
  'error-first-event': {
    about: '200, and the first event is an error object.',
    reply: changing((reply) => (hasSteps(reply) ? streamReply([ERROR_EVENT], NO_TOKENS) : errorUnder200())),
  },
  'error-mid-stream': {
    about: 'Some content chunks, then an error object, and the end without [DONE].',
    parameter: CHUNKS_BEFORE,
    reply: changing((reply, chunks) => thenError(reply, chunks)),
  },
  'role-then-error': {
    about: 'The role chunk, then an error object, and the end.',
    reply: changing((reply) => thenError(reply, 0)),
  },
  'role-then-silence': {
    about: 'The role chunk, then nothing; the connection stays open.',
    reply: changing((reply) => ({ ...reply, body: afterContent(stepsOf(reply), 0, [{ kind: 'hold' }]) })),
  },
  'role-then-cut': {
    about: 'The role chunk, then a clean end.',
    reply: changing((reply) => ({ ...reply, body: afterContent(stepsOf(reply), 0, []) })),
  },
  'malformed-event': {
    about: 'An event that is not JSON after some content chunks, then the rest; a whole body is cut in half.',
    parameter: { meaning: 'content chunks before it', byDefault: 1 },
    reply: changing((reply, chunks) =>
      hasSteps(reply)
        ? { ...reply, body: insertAfterContent(reply.body, chunks, [MALFORMED_EVENT]) }
        : { ...reply, body: afterContent(stepsOf(reply), 0, []) },
    ),
  },
  'large-event': {
    about: 'The first content event (or the body) carries a text of many bytes.',
    parameter: { meaning: 'bytes of the text', byDefault: 5_000_000 },
    reply: changing((reply, bytes) => ({ ...reply, body: enlarged(stepsOf(reply), bytes) })),
  },
  comments: {
    about: 'A comment line, `: ping`, before every event (a whole body gets blank lines before it).',
    reply: changing((reply) => {
      const extra = hasSteps(reply) ? ': ping\n\n' : '\n\n';
      return { ...reply, body: prefixed(stepsOf(reply), write('extra', extra)) };
    }),
  },
  crlf: {
    about: 'Lines end in CR LF.',
    reply: changing((reply) => ({ ...reply, body: withLineEnds(stepsOf(reply), '\r\n') })),
  },
  cr: {
    about: 'Lines end in CR alone.',
    reply: changing((reply) => ({ ...reply, body: withLineEnds(stepsOf(reply), '\r') })),
  },
} satisfies Readonly<Record<string, Fault>>;

function errorUnder200(): Reply {
  return jsonReply(errorBody(SERVER_ERROR), NO_TOKENS);
}

function thenError(reply: Reply, chunks: number): Reply {
  return hasSteps(reply) ? { ...reply, body: afterContent(reply.body, chunks, [ERROR_EVENT]) } : errorUnder200();
}

function* enlarged(steps: Iterable<Step>, bytes: number): Generator<Step> {
  let isDone = false;
  for (const step of steps) {
    if (isDone || !isWrite(step) || (step.kind !== 'content' && step.kind !== 'body')) {
      yield step;
      continue;
    }
    isDone = true;
    const text = step.data.toString().replace(TEXT_FIELD, (_, name: string) => `"${name}":"${'x'.repeat(bytes)}"`);
    yield { ...step, data: text };
  }
}

function* prefixed(steps: Iterable<Step>, before: WriteStep): Generator<Step> {
  for (const step of steps) {
    if (isWrite(step)) yield before;
    yield step;
  }
}

function withLineEnds(steps: Iterable<Step>, lineEnd: string): Iterable<Step> {
  return mapWrites(steps, (step) => ({ ...step, data: step.data.toString().replaceAll('\n', lineEnd) }));
}
