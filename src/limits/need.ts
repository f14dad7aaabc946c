// How much of a budget a request needs so that it can never cost more: the longest prompt that its bytes can hold, and a limited answer.
import type { EndpointOutput } from '../core/endpoint.ts';
import type { ModelSize } from '../core/model-size.ts';
import type { NanoUsd } from '../core/price.ts';
import type { Content } from './content.ts';
import { costWith, tokensFor, type CostBound } from './cost-bound.ts';
import { usualAnswerTokens } from './estimate.ts';
import type { RequestShape } from './request-shape.ts';

/** The lowest bit rate of speech is 8 kbit/s, which is 133 bytes of base64 for each of ten tokens a second (guides/audio). */
const audioBytesPerToken = 32;

/** Around a text that was counted: its role, its marks, and what the count of parts may miss of the whole. */
const tokensPerMessage = 8;
const tokensAround = 64;

/** A request without a limit of its own may take this share of what is left: the rest is for those beside it. */
const shareOfRest = 1 / 8;

/** A prompt's tokens as far as its bytes, or a count of its text, tell. */
export interface LargestPrompt {
  readonly tokens: number;
  readonly audioTokens: number;
}

/** The most tokens that a prompt can have. `countedTokens` is the count of its text, where one was made. */
export function largestPrompt(
  shape: Pick<RequestShape, 'searchesTheWeb'>,
  content: Content,
  { contextTokens, imageTokens }: ModelSize,
  countedTokens: number | undefined,
): LargestPrompt {
  // Each of several prompts has the whole context for itself.
  const mostTokens = contextTokens * content.prompts;
  // What is referred to may be sound.
  if (content.refersElsewhere) return { tokens: mostTokens, audioTokens: mostTokens };
  const audioTokens = Math.ceil(content.audioBytes / audioBytesPerToken);
  if (shape.searchesTheWeb) return { tokens: mostTokens, audioTokens };
  // A token has one byte at least (openai-wire.md, section 8), and the JSON around a message more than its marks.
  const textTokens =
    countedTokens === undefined
      ? content.textBytes
      : Math.min(countedTokens + content.messages * tokensPerMessage + tokensAround, content.textBytes);
  const tokens = textTokens + content.images * imageTokens + audioTokens;
  return { tokens: Math.min(tokens, mostTokens), audioTokens };
}

/** A prompt may be so much longer than estimated before it and its answer no longer fit into the context. */
const estimateMargin = 1.2;

/** What decides how long an answer may become. */
export interface AnswerTerms {
  readonly shape: Pick<RequestShape, 'outputLimit' | 'choices' | 'predictedBytes'>;
  readonly content: Pick<Content, 'prompts'>;
  readonly output: EndpointOutput | null;
  readonly size: ModelSize;
  /** The tokens that the prompt probably has. */
  readonly promptEstimate: number;
  /** How long the key's longer answers are; undefined while that is not known. */
  readonly longAnswerTokens: number | undefined;
  readonly bound: CostBound;
}

/** What a request needs of a budget. */
export interface Need {
  readonly nanoUsd: NanoUsd;
  /** The most tokens that each choice may have. */
  readonly outputTokens: number;
  /** The same where the body has to be given it; null where the request has a limit, or its answer no tokens. */
  readonly outputCap: number | null;
}

/**
 * Sizes the need by what is left of the budget. A request that limits its answer needs that; one that does not gets a
 * limit: a share of what is left, no more than the model can say, and no less than answers usually have.
 */
export function needOf(terms: AnswerTerms, leftNanoUsd: NanoUsd): Need {
  const { shape, output, bound } = terms;
  if (output === null) return { nanoUsd: costWith(bound, 0), outputTokens: 0, outputCap: null };
  const { outputLimit } = shape;
  const outputTokens = outputLimit ?? output.defaultTokens ?? capFor(terms, leftNanoUsd);
  return {
    nanoUsd: costOfAnswers(terms, outputTokens),
    outputTokens,
    outputCap: outputLimit === null ? outputTokens : null,
  };
}

/** The same where no price is known, so that nothing can be reserved: the answer is as long as the model lets it be. */
export function unpricedNeed({ shape, output, size }: Pick<AnswerTerms, 'shape' | 'output' | 'size'>): Need {
  const outputTokens = output === null ? 0 : (shape.outputLimit ?? output.defaultTokens ?? size.outputTokens);
  return { nanoUsd: 0, outputTokens, outputCap: output === null || shape.outputLimit !== null ? null : outputTokens };
}

/** What the request costs at most if each choice has no more than so many tokens. */
export function costOfAnswers({ shape, content, bound }: AnswerTerms, tokensEach: number): NanoUsd {
  const choices = shape.choices * content.prompts;
  return costWith(bound, choices * (tokensEach + shape.predictedBytes));
}

function capFor(
  { shape, content, size, promptEstimate, longAnswerTokens, bound }: AnswerTerms,
  leftNanoUsd: NanoUsd,
): number {
  const choices = shape.choices * content.prompts;
  const usual = longAnswerTokens ?? usualAnswerTokens;
  const affordable =
    tokensFor(bound, (leftNanoUsd - bound.promptNanoUsd) * shareOfRest) / choices - shape.predictedBytes;
  // Prompt and answer share the context: the upstream refuses a limit that goes beyond it.
  const room = Math.floor(size.contextTokens - promptEstimate * estimateMargin);
  const most = Math.max(Math.min(size.outputTokens, room), 1);
  return Math.min(Math.max(Math.floor(affordable), usual), most);
}
