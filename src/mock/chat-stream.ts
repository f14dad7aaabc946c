// The chunks of a streamed chat answer, made one by one so that a long stream never sits in memory.
import { event, interleave, isStream, SYSTEM_FINGERPRINT, type Call } from './call.ts';
import type { ChatAnswer } from './chat.ts';
import { objectOf } from './json.ts';
import { chatLogprobs } from './logprobs.ts';
import { DONE, type Step } from './reply.ts';
import { argumentPieces, callTokens } from './tool-calls.ts';

const PADDING = 'Zk3vQ9xT2bLm';

/** What changes from chunk to chunk: the delta and the log probabilities as JSON text. */
interface Delta {
  readonly json: string;
  readonly logprobs: string;
  readonly tokens: number;
}

/** The events of a chat stream: role, content (choices interleaved), finish, usage if asked for, `[DONE]`. */
export function* chatSteps(call: Call, answer: ChatAnswer): Generator<Step> {
  const options = objectOf(isStream(call.body) ? call.body['stream_options'] : undefined);
  const includeUsage = options['include_usage'] === true;
  const isPadded = options['include_obfuscation'] !== false;
  const head = chunkHead(call, answer);
  const usageNull = includeUsage ? ',"usage":null' : '';
  const { speech, choices } = answer;
  let serial = 0;

  const chunk = (index: number, delta: string, logprobs: string, finish: string): string => {
    serial += 1;
    const padding = isPadded ? `,"obfuscation":"${PADDING.slice(0, 1 + ((serial * 7) % PADDING.length))}"` : '';
    return `${head},"choices":[{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${finish}}]${usageNull}${padding}}`;
  };

  const role = `{"role":"assistant","content":${speech.kind === 'tool_calls' ? 'null' : '""'},"refusal":null}`;
  for (let index = 0; index < choices; index += 1) yield event('role', chunk(index, role, 'null', 'null'));

  const one = function* (index: number): Generator<Step> {
    for (const delta of deltas(answer)) {
      yield event('content', chunk(index, delta.json, delta.logprobs, 'null'), delta.tokens);
    }
  };
  if (choices === 1) yield* one(0);
  else yield* interleave(Array.from({ length: choices }, (_, index) => one(index)));

  const finish = JSON.stringify(speech.finishReason);
  for (let index = 0; index < choices; index += 1) yield event('finish', chunk(index, '{}', 'null', finish));

  const usage = includeUsage ? call.showUsage(answer.usage) : undefined;
  if (usage !== undefined) yield event('usage', `${head},"choices":[],"usage":${JSON.stringify(usage)}}`);
  yield DONE;
}

/** The fields that all chunks share, without the closing brace. */
function chunkHead(call: Call, answer: ChatAnswer): string {
  const head = JSON.stringify({
    id: `chatcmpl-${call.id}`,
    object: 'chat.completion.chunk',
    created: call.createdSeconds,
    model: answer.model,
    service_tier: answer.serviceTier,
    system_fingerprint: SYSTEM_FINGERPRINT,
  });
  return head.slice(0, -1);
}

function* deltas({ speech, topLogprobs }: ChatAnswer): Generator<Delta> {
  if (speech.kind === 'tool_calls') yield* toolDeltas(speech.calls);
  for (const piece of speech.generation.pieces()) {
    const logprobs = topLogprobs === undefined ? 'null' : JSON.stringify(chatLogprobs([piece], topLogprobs));
    yield { json: `{"${speech.kind}":${JSON.stringify(piece.text)}}`, logprobs, tokens: piece.tokens };
  }
}

function* toolDeltas(calls: ChatAnswer['speech']['calls']): Generator<Delta> {
  for (const [index, call] of calls.entries()) {
    const opening = { index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } };
    yield toolDelta(opening, callTokens(call).name);
    for (const piece of argumentPieces(call)) yield toolDelta({ index, function: { arguments: piece } }, 1);
  }
}

function toolDelta(call: unknown, tokens: number): Delta {
  return { json: JSON.stringify({ tool_calls: [call] }), logprobs: 'null', tokens };
}
