// The prompt in a request's body: the texts to be counted, and what is known to come on top of them.
import { imageTokens } from '../core/token-estimator.ts';
import { listOf, membersOf, parsed, textsOf } from './json.ts';
import { customTexts, toolTexts } from './tool-text.ts';

/** What is to be counted. */
export interface Counted {
  readonly texts: readonly string[];
  /** Tokens that are no text: marks between messages, pictures, token ids. */
  readonly tokens: number;
}

/**
 * Around each message stand its marks, and after the last one the answer's opening (openai/openai-cookbook,
 * "How to count tokens with tiktoken").
 */
export const tokensPerMessage = 3;
export const tokensOfOpening = 3;
const tokensPerName = 1;
/** Around each tool call of an earlier answer. */
const tokensPerCall = 3;

/** Reads the prompt of a chat (`messages`), a completion (`prompt`) or an embedding (`input`). */
export function readPrompt(body: string): Counted {
  const request = membersOf(parsed(body));
  const parts = [
    ...(Array.isArray(request['messages']) ? [chat(request)] : []),
    plain(request['prompt']),
    plain(request['input']),
    { texts: textsOf(request['suffix']), tokens: 0 },
  ];
  return { texts: parts.flatMap(({ texts }) => texts), tokens: sum(parts) };
}

function sum(parts: readonly Counted[]): number {
  return parts.reduce((total, { tokens }) => total + tokens, 0);
}

/** A text, texts, token ids, or lists of token ids. */
function plain(value: unknown): Counted {
  if (typeof value === 'string') return { texts: [value], tokens: 0 };
  const list = listOf(value);
  const ids = list.filter((item) => typeof item === 'number').length;
  const nested = list.filter((item) => Array.isArray(item)).reduce((total, item) => total + item.length, 0);
  return { texts: textsOf(...list), tokens: ids + nested };
}

function chat(request: Readonly<Record<string, unknown>>): Counted {
  const messages = listOf(request['messages']).map(message);
  const tools = [
    ...listOf(request['tools']).map((tool) => membersOf(tool)['function']),
    ...listOf(request['functions']),
  ].flatMap(toolTexts);
  const custom = listOf(request['tools']).flatMap((tool) => customTexts(membersOf(tool)['custom']));
  const { schema } = membersOf(membersOf(request['response_format'])['json_schema']);
  const texts = [
    ...messages.flatMap((one) => one.texts),
    ...tools,
    ...custom,
    ...(schema === undefined ? [] : [JSON.stringify(schema)]),
  ];
  return { texts, tokens: tokensOfOpening + sum(messages) };
}

function message(value: unknown): Counted {
  const { role, name, content, refusal, tool_calls: calls, function_call: call } = membersOf(value);
  const parts = listOf(content).map(contentPart);
  const called = [...listOf(calls).flatMap((one) => [membersOf(one)['function'], membersOf(one)['custom']]), call].map(
    membersOf,
  );
  return {
    texts: [
      ...textsOf(role, name, content, refusal),
      ...parts.flatMap(({ texts }) => texts),
      ...called.flatMap((one) => textsOf(one['name'], one['arguments'], one['input'])),
    ],
    tokens:
      tokensPerMessage +
      (typeof name === 'string' ? tokensPerName : 0) +
      sum(parts) +
      called.filter((one) => typeof one['name'] === 'string').length * tokensPerCall,
  };
}

/** Sound and files are not counted. */
function contentPart(value: unknown): Counted {
  const { type, text, refusal, image_url: image } = membersOf(value);
  if (type !== 'image_url') return { texts: textsOf(text, refusal), tokens: 0 };
  return { texts: [], tokens: membersOf(image)['detail'] === 'low' ? imageTokens.low : imageTokens.high };
}
