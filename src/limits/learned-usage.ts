// What requests really used, learned for each key and model: the tokens of a prompt by its length, and how long answers are.
import { TokenRatio, unknownRatio } from '../core/token-ratio.ts';
import { RecentMap } from '../lib/recent-map.ts';

/** Keys and models remembered together, at most; at least the half of them that were asked for last: more than all of 10,000 keys. */
const namesKept = 32_000;

/** What is known of one key's requests for one model. */
export interface Habit {
  /** The tokens that a text of so many bytes is likely to have. */
  tokensOf(textBytes: number): number;
  /** 19 of 20 answers were no longer, within a quarter; undefined while too few are known. */
  readonly longAnswerTokens: number | undefined;
}

/** What is learned for one key and model. */
class Learned {
  readonly ratio = new TokenRatio();
  readonly answers = new AnswerLengths();
}

/** Learns from every answer. */
export class LearnedUsage {
  readonly #learned = new RecentMap<string, Learned>(namesKept);

  habit(keyId: string, model: string): LearningHabit {
    return new NamedHabit(`${keyId}\n${model}`, this.#learned);
  }
}

/** A habit that learns of the request that it was made for. */
export interface LearningHabit extends Habit {
  /** Takes note of a prompt without images, sounds and the like. */
  learnPrompt(textBytes: number, tokens: number): void;
  /** Takes note of one choice of an answer. */
  learnAnswer(tokens: number): void;
}

/** It is looked for once a request: among many keys that costs more than what is done with it. */
class NamedHabit implements LearningHabit {
  readonly longAnswerTokens: number | undefined;
  readonly #name: string;
  readonly #all: RecentMap<string, Learned>;
  #learned: Learned | undefined;

  constructor(name: string, all: RecentMap<string, Learned>) {
    this.#name = name;
    this.#all = all;
    this.#learned = all.get(name);
    this.longAnswerTokens = this.#learned?.answers.longTokens;
  }

  tokensOf(textBytes: number): number {
    return (this.#learned?.ratio ?? unknownRatio).tokensOf(textBytes);
  }

  learnPrompt(textBytes: number, tokens: number): void {
    this.#own().ratio.learn(textBytes, tokens);
  }

  learnAnswer(tokens: number): void {
    this.#own().answers.add(tokens);
  }

  /** Made with the first answer: whoever is refused takes no place. */
  #own(): Learned {
    this.#learned ??= this.#all.get(this.#name);
    if (this.#learned === undefined) this.#all.set(this.#name, (this.#learned = new Learned()));
    return this.#learned;
  }
}

/** Each step of the scale is a quarter more than the one before: 64 of them reach a million tokens. */
const stepFactor = 1.25;
const steps = 64;
/** Past so many answers all before count half. */
const answersKept = 400;
const percentile = 0.95;
/** Of fewer answers a percentile says little. */
const fewestAnswers = 10;

/** How long answers are: a histogram on a scale that grows with the length, in which the past fades. */
export class AnswerLengths {
  /** By step, as far as answers have been that long: most keys' answers are short. */
  readonly #counts: number[] = [];
  #count = 0;
  #longTokens: number | undefined;

  /** The 95th percentile, rounded up to the scale; undefined while too few answers are known. */
  get longTokens(): number | undefined {
    if (this.#count < fewestAnswers) return undefined;
    this.#longTokens ??= this.#percentile();
    return this.#longTokens;
  }

  add(tokens: number): void {
    const step = tokens <= 1 ? 0 : Math.ceil(Math.log(tokens) / Math.log(stepFactor) - 1e-9);
    const at = Math.min(step, steps - 1);
    while (this.#counts.length <= at) this.#counts.push(0);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#count += 1;
    this.#longTokens = undefined;
    if (this.#count < answersKept) return;
    for (const [i, count] of this.#counts.entries()) this.#counts[i] = count / 2;
    this.#count /= 2;
  }

  #percentile(): number {
    const wanted = this.#count * percentile;
    let seen = 0;
    for (let i = 0; i < steps; i += 1) {
      seen += this.#counts[i] ?? 0;
      if (seen >= wanted) return Math.ceil(stepFactor ** i - 1e-9);
    }
    return Math.ceil(stepFactor ** (steps - 1));
  }
}
