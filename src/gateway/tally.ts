// Tally: what one attempt used. The upstream's word counts; where it gave none, its answer is counted.
import type { FailureKind } from '../core/failure.ts';
import { HeardText } from '../core/heard-text.ts';
import type { AttemptRecord } from '../core/record.ts';
import type { Encoding } from '../core/token-estimator.ts';
import { readReport, type ReadReport, type TokenUsage, type UsageReport } from '../core/usage.ts';
import type { AttemptResult } from './attempt-parts.ts';
import type { Counters, KeptPrompt } from './kept-prompt.ts';
import type { Heard } from './reception.ts';

/** Endings of a request that are not the upstream's doing: it has read the prompt and charges for it. */
const stops: readonly FailureKind[] = ['client_gone', 'deadline_passed', 'shutdown'];

/** How an attempt ended, as far as it decides whether it was paid for. */
export interface Ending {
  readonly status: number | null;
  readonly mayHaveReachedUpstream: boolean;
  /** The client has the answer, or a part of it. */
  readonly isAnswered: boolean;
  /** Some of what the client waited for came, whether or not it was passed on. */
  readonly hasContent: boolean;
  readonly failure: FailureKind | null;
}

/** Whether an attempt that no usage is known of was paid for, so that it must be estimated. */
export function isEstimateDue(ending: Ending): boolean {
  const { status, failure } = ending;
  if (status !== null && (status < 200 || status > 299)) return false;
  if (ending.isAnswered || ending.hasContent) return true;
  return ending.mayHaveReachedUpstream && failure !== null && stops.includes(failure);
}

/** Follows one attempt. */
export class UsageTally {
  /** Where the answer's reader puts what the model says. */
  readonly text: HeardText;
  readonly #counters: Counters;
  readonly #model: string;
  readonly #encoding: Encoding;
  /** Counts of what was too long to be kept. */
  #counts: Promise<number>[] | undefined;
  /** What was read last, and of what: the client may be told of the cost before it is booked. */
  #read: readonly [report: UsageReport, read: ReadReport] | undefined;

  /** `onRuns` hears what was said before it is handed on to be counted. */
  constructor(counters: Counters, model: string, encoding: Encoding, onRuns?: (runs: Uint8Array) => void) {
    this.#counters = counters;
    this.#model = model;
    this.#encoding = encoding;
    this.text = new HeardText((runs) => {
      onRuns?.(runs);
      (this.#counts ??= []).push(counters.estimator.count('runs', encoding, runs));
    });
  }

  /** What an answer says of its use. */
  read(report: UsageReport): ReadReport {
    if (this.#read?.[0] !== report) this.#read = [report, readReport(report)];
    return this.#read[1];
  }

  /** Puts on the record what was used. A promise where that takes an estimate: it is there when the promise resolves. */
  book(record: AttemptRecord, result: AttemptResult, prompt: KeptPrompt): Promise<void> | undefined {
    const { heard } = result;
    const { usage, rawUsage, serviceTier } = this.read(heard);
    record.rawUsage = rawUsage;
    record.serviceTier = serviceTier;
    if (usage !== null && !heard.isUsageStale) {
      record.usage = usage;
      record.usageSource = 'upstream';
      if (prompt.isText) this.#counters.ratios.learn(this.#model, prompt.textBytes, usage.prompt_tokens);
      return undefined;
    }
    const answer = chosenAnswer(heard);
    const isDue = isEstimateDue({
      ...record,
      isAnswered: result.kind === 'answered',
      hasContent: this.text.totalBytes > 0 || answer !== undefined,
      failure: result.failure?.kind ?? null,
    });
    return isDue ? this.#estimate(record, usage, answer, prompt) : undefined;
  }

  /** `known` is what the upstream said before its answer went on. */
  async #estimate(
    record: AttemptRecord,
    known: TokenUsage | null,
    answer: Uint8Array | undefined,
    prompt: KeptPrompt,
  ): Promise<void> {
    const { estimator } = this.#counters;
    const counts = this.#counts ?? [];
    const rest = this.text.take();
    if (rest !== undefined) counts.push(estimator.count('runs', this.#encoding, rest));
    if (answer !== undefined) counts.push(estimator.count('answer', this.#encoding, answer));
    const knownPrompt = known?.prompt_tokens ?? 0;
    const [promptTokens, ...parts] = await Promise.all([
      knownPrompt > 0 ? knownPrompt : prompt.tokens(this.#counters, this.#model, this.#encoding),
      ...counts,
    ]);
    const said = parts.reduce((sum, tokens) => sum + tokens, 0);
    record.usage = estimatedUsage(promptTokens, Math.max(said, known?.completion_tokens ?? 0), known);
    record.usageSource = 'estimated';
  }
}

/** An answer in one piece, if it has words: vectors are not counted. */
function chosenAnswer({ body }: Heard): Uint8Array | undefined {
  return body !== undefined && Buffer.from(body.buffer, body.byteOffset, body.length).includes('"choices"')
    ? body
    : undefined;
}

function estimatedUsage(prompt: number, completion: number, known: TokenUsage | null): TokenUsage {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    cached_tokens: known?.cached_tokens ?? 0,
    cache_write_tokens: known?.cache_write_tokens ?? 0,
    reasoning_tokens: known?.reasoning_tokens ?? 0,
    audio_prompt_tokens: known?.audio_prompt_tokens ?? 0,
    audio_completion_tokens: known?.audio_completion_tokens ?? 0,
  };
}
