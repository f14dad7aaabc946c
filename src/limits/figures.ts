// The figures of one request that its key's limits go by: estimates of its tokens, and bounds of what it can cost at a target.
import type { EndpointOutput, OutputLimitName } from '../core/endpoint.ts';
import type { ModelSize } from '../core/model-size.ts';
import type { NanoUsd, PriceBook } from '../core/price.ts';
import type { Encoding } from '../core/token-estimator.ts';
import type { Content } from './content.ts';
import { costBoundOf } from './cost-bound.ts';
import { estimateOf, type Estimate } from './estimate.ts';
import type { Habit } from './learned-usage.ts';
import { costOfAnswers, largestPrompt, needOf, unpricedNeed, type AnswerTerms, type Need } from './need.ts';
import type { RequestShape } from './request-shape.ts';

/** Names of a tier that mean what no name means. */
const usualTiers: readonly string[] = ['auto', 'default'];

/** Whether a request leaves it to the project which tier serves it. */
export function leavesTierOpen({ serviceTier }: Pick<RequestShape, 'serviceTier'>): boolean {
  return serviceTier === null || usualTiers.includes(serviceTier);
}

/** Where a request goes, as far as its cost depends on it. */
export interface LimitTarget {
  readonly providerId: string;
  /** As it is sent there. */
  readonly model: string;
  readonly size: ModelSize;
  /** What its prompts are counted with; undefined where that is not certain, and a count would be no bound. */
  readonly encoding: Encoding | undefined;
  /** The name by which answers are limited there. */
  readonly outputLimitName: OutputLimitName;
}

/** What figures are made from. */
export interface FiguresOf {
  readonly shape: RequestShape;
  readonly output: EndpointOutput | null;
  readonly habit: Habit;
  readonly prices: PriceBook;
  /** Tiers that a provider has served where nobody had asked for one. */
  readonly unaskedTiers: (providerId: string) => readonly string[];
}

/** Terms, and what they depend on beside the request. */
interface KnownTerms {
  readonly target: LimitTarget;
  readonly atMs: number;
  readonly textTokens: number | undefined;
  readonly terms: AnswerTerms | null;
}

/** The figures of one request. */
export class RequestFigures {
  readonly content: Content;
  readonly estimate: Estimate;
  readonly #of: FiguresOf;
  /** Tokens of its text, once they have been counted, and with which vocabulary: others may have more for it. */
  #counted: { readonly encoding: Encoding | undefined; readonly tokens: number } | undefined;
  #last: KnownTerms | undefined;

  constructor(of: FiguresOf) {
    this.#of = of;
    this.content = of.shape.content;
    this.estimate = estimateOf(of.shape, this.content, of.output, of.habit);
  }

  get estimatedTokens(): number {
    return this.estimate.prompt + this.estimate.output;
  }

  /** Its text has been counted, or was tried to be. */
  get isCounted(): boolean {
    return this.#counted !== undefined;
  }

  /** Takes note of the count of its text by a target's vocabulary; undefined where it cannot be counted. */
  noteCount({ encoding }: LimitTarget, tokens: number | undefined): void {
    this.#counted = { encoding, tokens: tokens ?? Infinity };
  }

  /** What the request needs at a target, with the tokens of its text as far as they are counted; null where the target's price is not known. */
  need(target: LimitTarget, leftNanoUsd: NanoUsd, nowMs: number, textTokens = this.#countAt(target)): Need | null {
    const terms = this.#terms(target, nowMs, textTokens);
    return terms === null ? null : needOf(terms, leftNanoUsd);
  }

  /** What is reserved where the target's price is not known, and that is no hindrance. */
  unpricedNeed({ size }: LimitTarget): Need {
    return unpricedNeed({ ...this.#of, size });
  }

  /** What it costs at most at a target with so many tokens for each choice; null where the target's price is not known. */
  cost(target: LimitTarget, tokensEach: number, nowMs: number): NanoUsd | null {
    const terms = this.#terms(target, nowMs, this.#countAt(target));
    return terms === null ? null : costOfAnswers(terms, tokensEach);
  }

  #countAt({ encoding }: LimitTarget): number | undefined {
    return encoding !== undefined && encoding === this.#counted?.encoding ? this.#counted.tokens : undefined;
  }

  /** An attempt is asked for right behind the request's reservation, mostly at the same place and time. */
  #terms(target: LimitTarget, atMs: number, textTokens: number | undefined): AnswerTerms | null {
    const last = this.#last;
    if (last !== undefined && last.target === target && last.atMs === atMs && last.textTokens === textTokens)
      return last.terms;
    const terms = this.#newTerms(target, atMs, textTokens);
    this.#last = { target, atMs, textTokens, terms };
    return terms;
  }

  #newTerms(
    { providerId, model, size }: LimitTarget,
    atMs: number,
    textTokens: number | undefined,
  ): AnswerTerms | null {
    const { shape, output, habit, prices } = this.#of;
    const { content, estimate } = this;
    const prompt = largestPrompt(shape, content, size, textTokens);
    const bound = costBoundOf(prices, {
      providerId,
      model,
      tiers: this.#tiersAt({ providerId, model }, atMs),
      promptTokens: prompt.tokens,
      audioPromptTokens: prompt.audioTokens,
      mayAnswerInSound: shape.mayAnswerInSound,
      atMs,
    });
    if (bound === null) return null;
    const { longAnswerTokens } = habit;
    return { shape, content, output, size, promptEstimate: estimate.prompt, longAnswerTokens, bound };
  }

  /** A tier that was asked for may be served, or the usual one in its place. Of those that come unasked, the ones that have a price here. */
  #tiersAt(target: Pick<LimitTarget, 'providerId' | 'model'>, atMs: number): readonly (string | null)[] {
    const { shape, prices } = this.#of;
    if (!leavesTierOpen(shape)) return [null, shape.serviceTier];
    const { providerId, model } = target;
    const unasked = this.#of.unaskedTiers(providerId);
    if (unasked.length === 0) return onlyUsual;
    const priced = unasked.filter((tier) => prices.priceOf({ providerId, model, serviceTier: tier, atMs }) !== null);
    return [null, ...priced];
  }
}

const onlyUsual: readonly null[] = [null];
