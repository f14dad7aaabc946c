// The most that a call can cost: every token by the dearest rate that it can have, whatever the answer will say it was.
import type { NanoUsd, Price, PriceBook, Rates, TokenKind } from '../core/price.ts';

/** Rates are for a million tokens. */
const perRate = 1_000_000;

const textKinds = ['input', 'cachedInput', 'cacheWrite'] as const;
const anyInputKinds = [...textKinds, 'audioInput'] as const;
const outputKinds = ['output'] as const;
const anyOutputKinds = ['output', 'audioOutput'] as const;

/** A call of which only the largest size is known. Tokens are upper bounds. */
export interface LargestCall {
  readonly providerId: string;
  /** As it is sent to the provider. */
  readonly model: string;
  /** The tiers that may serve it; null is the one that an answer does not name. */
  readonly tiers: readonly (string | null)[];
  /** All tokens of the prompt, those in sound included. */
  readonly promptTokens: number;
  readonly audioPromptTokens: number;
  readonly mayAnswerInSound: boolean;
  readonly atMs: number;
}

/** What a call costs at most: a part that is certain, and a rate for what it may answer. */
export interface CostBound {
  readonly promptNanoUsd: NanoUsd;
  /** Nano-dollars for a million tokens of output. */
  readonly outputRate: number;
}

/** The dearest of the tiers that may serve the call; null where any of them has no known price. */
export function costBoundOf(prices: PriceBook, call: LargestCall): CostBound | null {
  let promptNanoUsd = 0;
  let outputRate = 0;
  for (const serviceTier of call.tiers) {
    const { providerId, model, atMs } = call;
    const price = prices.priceOf({ providerId, model, serviceTier, atMs });
    if (price === null) return null;
    const audioTokens = Math.min(call.audioPromptTokens, call.promptTokens);
    const text = dearest(price, call.promptTokens, textKinds);
    const audio = dearest(price, call.promptTokens, anyInputKinds);
    const output = dearest(price, call.promptTokens, call.mayAnswerInSound ? anyOutputKinds : outputKinds);
    const prompt = (call.promptTokens - audioTokens) * text + audioTokens * audio;
    promptNanoUsd = Math.max(promptNanoUsd, Math.ceil(prompt / perRate));
    outputRate = Math.max(outputRate, output);
  }
  return { promptNanoUsd, outputRate };
}

/** What the call costs at most with so many tokens of output. */
export function costWith({ promptNanoUsd, outputRate }: CostBound, outputTokens: number): NanoUsd {
  // The cost is rounded as a whole: one more nano-dollar covers the half that it may be rounded up by.
  return promptNanoUsd + Math.ceil((outputTokens * outputRate) / perRate) + 1;
}

/** How many tokens of output an amount buys. */
export function tokensFor({ outputRate }: Pick<CostBound, 'outputRate'>, nanoUsd: NanoUsd): number {
  return outputRate === 0 ? Number.MAX_SAFE_INTEGER : Math.max(Math.floor((nanoUsd * perRate) / outputRate), 0);
}

/** A prompt that may be long may have the rates of long context; of both sets the dearer counts. */
function dearest({ rates, longContext }: Price, promptTokens: number, kinds: readonly TokenKind[]): number {
  const own = dearestOf(rates, kinds);
  if (longContext === null || promptTokens <= longContext.overTokens) return own;
  return Math.max(own, dearestOf(longContext.rates, kinds));
}

function dearestOf(rates: Rates, kinds: readonly TokenKind[]): number {
  let most = 0;
  for (let i = 0; i < kinds.length; i += 1) most = Math.max(most, rates[kinds[i] as TokenKind] ?? 0);
  return most;
}
