// What entries of the ledger add to the sums of their quarters of an hour.
import type { TokenUsage } from '../core/usage.ts';
import type { LedgerAttemptRow, LedgerRequestRow } from './ledger-store.ts';

/** Every time zone's midnight and full hour falls on one of these, in UTC. */
export const quarterMs = 900_000;

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

type Group = { -readonly [Name in keyof UsageIncrement]: UsageIncrement[Name] };

/**
 * Sums entries by group; `sign` -1 takes them away. A request counts once, in the group of its last attempt; tokens and
 * money count in the group of the attempt that used them.
 */
export class UsageIncrements {
  /** By numbers made of account and key: to make one text of all that a group is told apart by takes longer than to sum. */
  readonly #byNumber = new Map<number, Group>();
  readonly #groups: Group[] = [];
  /** The group met last: where there are few, the next entry is of it. */
  #last: Group | undefined;

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
    return this.#groups.toSorted(inOrder);
  }

  #group(quarter: number, model: string, upstreamModel: string, account: string, key: string): Group {
    if (this.#last !== undefined && isOf(this.#last, quarter, model, upstreamModel, account, key)) return this.#last;
    let number = tailNumber(account) ^ (tailNumber(key) * 31);
    let group = this.#byNumber.get(number);
    // Of those that share a number each takes the next one that is free.
    while (group !== undefined && !isOf(group, quarter, model, upstreamModel, account, key)) {
      number += 1;
      group = this.#byNumber.get(number);
    }
    if (group === undefined) {
      group = emptyGroup(quarter, model, upstreamModel, account, key);
      this.#byNumber.set(number, group);
      this.#groups.push(group);
    }
    this.#last = group;
    return group;
  }
}

function emptyGroup(quarter: number, model: string, upstreamModel: string, account: string, key: string): Group {
  return {
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
}

function isOf(
  group: Group,
  quarter: number,
  model: string,
  upstreamModel: string,
  account: string,
  key: string,
): boolean {
  return (
    group.account_id === account &&
    group.key_id === key &&
    group.model === model &&
    group.upstream_model === upstreamModel &&
    group.quarter_ms === quarter
  );
}

/** An id ends with what is random in it. */
function tailNumber(id: string): number {
  let number = 0;
  for (let i = Math.max(0, id.length - 6); i < id.length; i += 1) number = (number * 31 + id.charCodeAt(i)) | 0;
  return number;
}

function inOrder(a: Group, b: Group): number {
  return (
    a.quarter_ms - b.quarter_ms ||
    compare(a.model, b.model) ||
    compare(a.upstream_model, b.upstream_model) ||
    compare(a.account_id, b.account_id) ||
    compare(a.key_id, b.key_id)
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
