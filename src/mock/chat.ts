// `POST /v1/chat/completions`: what the answer says, and the whole (not streamed) form of it.
import { choiceCount, isStream, stopTexts, SYSTEM_FINGERPRINT, type Call } from './call.ts';
import { chatSteps } from './chat-stream.ts';
import { sizedGeneration, textGeneration, wholeText, type Bounds, type Generation } from './generation.ts';
import { isObject, listOf, numberOf, objectOf, textOf, type JsonObject } from './json.ts';
import { chatLogprobs } from './logprobs.ts';
import { answeredModel } from './models.ts';
import { jsonReply, streamReply, type Reply } from './reply.ts';
import { sampleOf } from './sample.ts';
import { chatPromptTokens, contentText } from './tokens.ts';
import { callTokens, toolCallsFor, type ToolCall } from './tool-calls.ts';
import { completionUsage, statedTokens } from './usage.ts';

/** What each choice of a chat answer says: a text or a refusal in pieces, or tool calls. */
export interface Speech {
  readonly kind: 'content' | 'refusal' | 'tool_calls';
  readonly generation: Generation;
  readonly calls: readonly ToolCall[];
  readonly finishReason: string;
  readonly tokens: number;
}

/** A chat answer before it takes the form of one object or of many chunks. */
export interface ChatAnswer {
  readonly speech: Speech;
  readonly choices: number;
  readonly model: string;
  readonly serviceTier: string;
  readonly usage: JsonObject;
  /** Alternatives a token to show log probabilities of; undefined: none wanted. */
  readonly topLogprobs: number | undefined;
}

const ANSWERED_TIER: Readonly<Record<string, string>> = { auto: 'default', fast: 'priority' };

/** Answers one chat request. */
export function answerChat(call: Call): Reply {
  const { body } = call;
  const speech = speechFor(call);
  const choices = choiceCount(body);
  const counted = { prompt: chatPromptTokens(listOf(body['messages'])), completion: speech.tokens * choices };
  const tier = textOf(body['service_tier']) ?? 'default';
  const answer: ChatAnswer = {
    speech,
    choices,
    model: answeredModel(call.model),
    serviceTier: ANSWERED_TIER[tier] ?? tier,
    usage: completionUsage(counted, call.usageChanges),
    topLogprobs: body['logprobs'] === true ? (numberOf(body['top_logprobs']) ?? 0) : undefined,
  };
  const tokens = statedTokens(answer.usage);
  return isStream(body) ? streamReply(chatSteps(call, answer), tokens) : jsonReply(wholeChat(call, answer), tokens);
}

function wholeChat(call: Call, answer: ChatAnswer): unknown {
  const { speech, topLogprobs } = answer;
  const logprobs = topLogprobs === undefined ? null : chatLogprobs(speech.generation.pieces(), topLogprobs);
  const message = wholeMessage(speech);
  return {
    id: `chatcmpl-${call.id}`,
    object: 'chat.completion',
    created: call.createdSeconds,
    model: answer.model,
    choices: Array.from({ length: answer.choices }, (_, index) => ({
      index,
      message,
      logprobs,
      finish_reason: speech.finishReason,
    })),
    usage: call.showUsage(answer.usage),
    service_tier: answer.serviceTier,
    system_fingerprint: SYSTEM_FINGERPRINT,
  };
}

function wholeMessage(speech: Speech): JsonObject {
  const empty = { role: 'assistant', content: null, refusal: null, annotations: [] };
  if (speech.kind !== 'tool_calls') return { ...empty, [speech.kind]: wholeText(speech.generation) };
  const calls = speech.calls.map(({ id, name, arguments: json }) => ({
    id,
    type: 'function',
    function: { name, arguments: json },
  }));
  return { ...empty, tool_calls: calls };
}

function speechFor(call: Call): Speech {
  const { body } = call;
  const bounds: Bounds = {
    maxTokens: numberOf(body['max_completion_tokens']) ?? numberOf(body['max_tokens']) ?? Infinity,
    stop: stopTexts(body),
  };
  const user = lastUserText(body);
  const calls = call.length === undefined ? toolCallsFor(body, user, call.id) : [];
  if (calls.length > 0) return toolSpeech(body, calls, bounds);
  const generation =
    call.length === undefined ? textGeneration(answerText(body, user), bounds) : sizedGeneration(call.length, bounds);
  const kind = user.includes('[refuse]') ? 'refusal' : 'content';
  return { kind, generation, calls, finishReason: generation.finish, tokens: generation.tokens };
}

/** A forced function ends with `stop`, a chosen one with `tool_calls`, as OpenAI documents. */
function toolSpeech(body: JsonObject, calls: readonly ToolCall[], bounds: Bounds): Speech {
  const tokens = calls.reduce((sum, one) => sum + callTokens(one).all, 0);
  const finishReason = isObject(body['tool_choice']) ? 'stop' : 'tool_calls';
  return { kind: 'tool_calls', generation: textGeneration('', bounds), calls, finishReason, tokens };
}

function answerText(body: JsonObject, user: string): string {
  const format = objectOf(body['response_format']);
  if (format['type'] === 'json_object') return JSON.stringify({ echo: user });
  if (format['type'] === 'json_schema') return JSON.stringify(sampleOf(objectOf(format['json_schema'])['schema']));
  return `Echo: ${user}`;
}

/** The text of the last message from a user, or of the last message where there is none. */
function lastUserText(body: JsonObject): string {
  const messages = listOf(body['messages']).filter(isObject);
  const last = messages.findLast((message) => message['role'] === 'user') ?? messages.at(-1);
  return contentText(last?.['content']);
}
