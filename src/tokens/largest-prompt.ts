// The most that a body gives a model to read: for a count that must not be too low.
import { membersOf, parsed, textsOf } from './json.ts';
import { tokensOfOpening, tokensPerMessage, type Counted } from './prompt-text.ts';

/**
 * The texts of messages and prompts as they are read, and all else as it stands: in which form a model is shown its tools
 * is for the vendor to say, but it is shorter than their JSON. Without a predicted answer, pictures, sound and files, whose
 * tokens no text tells. Throws where the body is no JSON.
 */
export function readLargestPrompt(body: string): Counted {
  const request = parsed(body);
  if (request === undefined) throw new Error('a body is no JSON');
  const { messages, prompt, input, suffix, prediction: _, ...rest } = membersOf(request);
  const said = Array.isArray(messages) ? messages : [messages].filter((one) => one !== undefined);
  const parts = [...said.map(message), content(prompt), content(input), content(suffix), asItStands(rest)];
  return {
    texts: parts.flatMap(({ texts }) => texts),
    tokens: parts.reduce((sum, { tokens }) => sum + tokens, tokensOfOpening),
  };
}

function message(value: unknown): Counted {
  const { content: said, ...rest } = membersOf(value);
  const { texts, tokens } = content(said);
  const other = typeof value === 'object' ? rest : value;
  return { texts: [...texts, ...asItStands(other).texts], tokens: tokens + tokensPerMessage };
}

/** A text, parts of one, token ids, or lists of token ids. */
function content(value: unknown): Counted {
  if (!Array.isArray(value)) return asItStands(value);
  const parts = value.map(contentPart);
  return { texts: parts.flatMap(({ texts }) => texts), tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0) };
}

function contentPart(value: unknown): Counted {
  if (typeof value === 'number') return { texts: [], tokens: 1 };
  if (Array.isArray(value) && value.every((item) => typeof item === 'number'))
    return { texts: [], tokens: value.length };
  const { type, text, refusal } = membersOf(value);
  return type === undefined ? asItStands(value) : { texts: textsOf(text, refusal), tokens: 0 };
}

function asItStands(value: unknown): Counted {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return { texts: textsOf(text), tokens: 0 };
}
