// What entries of the ledger add to the sums of their quarters of an hour.
import type { TokenUsage } from '../core/usage.ts';
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';

/** Every time zone's midnight and full hour falls on one of these, in UTC. */
export const quarterMs = 900_000;

const recentGroups = 16;

/** What is summed. Usage fields are tokens. */
export interface UsageSums extends TokenUsage {
  readonly requests: number;
  readonly attempts: number;
  readonly cost_nano_usd: number;
  /** Tokens of attempts whose price is not known. */
  readonly unpriced_tokens: number;
}

/** One group of one quarter; '' stands for "none". */
export interface UsageIncrement extends UsageSums {
  readonly quarter_ms: number;
  /** As the client asked for it. */
  readonly model: string;
  /** As it was sent to the provider. */
  readonly upstream_model: string;
  readonly account_id: string;
  readonly key_id: string;
}

/** The names of the sums, in the order of the table's columns. */
export const sumColumns = [
  'requests',
  'attempts',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'audio_prompt_tokens',
  'audio_completion_tokens',
  'cost_nano_usd',
  'unpriced_tokens',
] as const satisfies readonly (keyof UsageSums)[];

/** What of a ledger entry counts for the sums. */
export interface SummedEntry {
  readonly request: Pick<LedgerRequestRow, 'created_at_ms' | 'model' | 'key_id'>;
  readonly attempts: readonly (TokenUsage & Pick<LedgerAttemptRow, 'model' | 'account_id' | 'cost_nano_usd'>)[];
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Sums entries by group; `sign` -1 takes them away. A request counts once, in the group of its last attempt; tokens and
 * money count in the group of the attempt that used them.
 */
export class UsageIncrements {
  readonly #groups = new Map<string, Mutable<UsageIncrement>>();
  /** The groups met last. Most entries are of one of these, and to compare is cheaper than to make a name. */
  readonly #recent: Mutable<UsageIncrement>[] = [];

  add({ request, attempts }: SummedEntry, sign: 1 | -1 = 1): void {
    const quarter = Math.floor(request.created_at_ms / quarterMs) * quarterMs;
    const model = request.model ?? '';
    const key = request.key_id ?? '';
    if (attempts.length === 0) this.#group(quarter, model, '', '', key).requests += sign;
    for (const [i, attempt] of attempts.entries()) {
      const group = this.#group(quarter, model, attempt.model, attempt.account_id, key);
      if (i === attempts.length - 1) group.requests += sign;
      group.attempts += sign;
      group.prompt_tokens += sign * attempt.prompt_tokens;
      group.completion_tokens += sign * attempt.completion_tokens;
      group.total_tokens += sign * attempt.total_tokens;
      group.cached_tokens += sign * attempt.cached_tokens;
      group.cache_write_tokens += sign * attempt.cache_write_tokens;
      group.reasoning_tokens += sign * attempt.reasoning_tokens;
      group.audio_prompt_tokens += sign * attempt.audio_prompt_tokens;
      group.audio_completion_tokens += sign * attempt.audio_completion_tokens;
      if (attempt.cost_nano_usd === null) group.unpriced_tokens += sign * attempt.total_tokens;
      else group.cost_nano_usd += sign * attempt.cost_nano_usd;
    }
  }

  /** The groups, in the order of the table's key: all gateways write in the same order, so none waits for another in a circle. */
  list(): UsageIncrement[] {
    return [...this.#groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  }

  #group(quarter: number, model: string, upstreamModel: string, account: string, key: string): Mutable<UsageIncrement> {
    for (const group of this.#recent) {
      const isOfIt =
        group.account_id === account &&
        group.key_id === key &&
        group.model === model &&
        group.upstream_model === upstreamModel &&
        group.quarter_ms === quarter;
      if (isOfIt) return group;
    }
    const group = this.#groupByName(quarter, model, upstreamModel, account, key);
    if (this.#recent.length === recentGroups) this.#recent.shift();
    this.#recent.push(group);
    return group;
  }

  #groupByName(
    quarter: number,
    model: string,
    upstreamModel: string,
    account: string,
    key: string,
  ): Mutable<UsageIncrement> {
    const name = `${quarter}\n${model}\n${upstreamModel}\n${account}\n${key}`;
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group: Mutable<UsageIncrement> = {
      quarter_ms: quarter,
      model,
      upstream_model: upstreamModel,
      account_id: account,
      key_id: key,
      requests: 0,
      attempts: 0,
      prompt_tokens: 0,
      completion_tokens: 0,
      total_tokens: 0,
      cached_tokens: 0,
      cache_write_tokens: 0,
      reasoning_tokens: 0,
      audio_prompt_tokens: 0,
      audio_completion_tokens: 0,
      cost_nano_usd: 0,
      unpriced_tokens: 0,
    };
    this.#groups.set(name, group);
    return group;
  }
}
