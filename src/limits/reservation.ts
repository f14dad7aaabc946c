// What one request has reserved of its key's limits: it is asked before each attempt, and settled once with the truth.
import type { ClientKey } from '../core/client-key.ts';
import type { OutputLimitName } from '../core/endpoint.ts';
import type { Period } from '../core/period.ts';
import type { NanoUsd, PriceBook } from '../core/price.ts';
import type { AttemptRecord } from '../core/record.ts';
import type { Clock } from '../lib/clock.ts';
import { soon, type Soon } from '../lib/soon.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Hold } from '../shared-state/limit-state.ts';
import type { LimitTarget, RequestFigures } from './figures.ts';
import { attemptRefusal, unpricedRefusal } from './refusal.ts';
import { costSoFar, takenBy } from './settlement.ts';

/** After a call was cut short the upstream may serve it for so long before it notices: its place stays taken. */
const noticeMs = 25;

/** What an attempt may do. */
export interface AttemptTerms {
  /** The limit to be written into its body; null where none is. */
  readonly outputCap: { readonly name: OutputLimitName; readonly tokens: number } | null;
  /** The most that it can cost; null for a key without a budget. */
  readonly reservedNanoUsd: NanoUsd | null;
}

/** What a reservation is made of. */
export interface ReservationParts {
  readonly key: ClientKey;
  /** What it was made for. */
  readonly target: LimitTarget;
  readonly hold: Hold;
  /** Whose money it spends; null for a key without a budget. */
  readonly period: Period | null;
  readonly figures: RequestFigures;
  readonly prices: PriceBook;
  readonly clock: Clock;
  /** Those made so far: the request's own list. */
  readonly attempts: readonly AttemptRecord[];
  /** The most tokens that each choice may have. */
  readonly outputTokens: number;
  /** The same where the body has to be given it. */
  readonly outputCap: number | null;
  /** Hears of the attempts of a request that is over. */
  readonly onSettled: (attempts: readonly AttemptRecord[]) => void;
}

/** A request's reservation. Disposing of it frees its place; what its attempts used is booked by `settle`. */
export class Reservation implements Disposable {
  readonly #parts: ReservationParts;

  constructor(parts: ReservationParts) {
    this.#parts = parts;
  }

  /** What it was made for: where an attempt goes there, its figures need not be found again. */
  get target(): LimitTarget {
    return this.#parts.target;
  }

  /** Whose money it spends; null for a key without a budget. */
  get period(): Period | null {
    return this.#parts.period;
  }

  /** Reserves for one more attempt besides those made so far, whose cost may be unknown; an error where the budget does not cover it. */
  attempt(target: LimitTarget): Soon<AttemptTerms | GatewayError> {
    const { key, clock, attempts } = this.#parts;
    if (key.maxConcurrency === null || !isCutShort(attempts.at(-1))) return this.#terms(target);
    return new Promise<void>((resolve) => void clock.after(noticeMs, resolve)).then(() => this.#terms(target));
  }

  #terms(target: LimitTarget): Soon<AttemptTerms | GatewayError> {
    const { key, hold, figures, prices, clock, attempts, outputCap } = this.#parts;
    if (key.budget === null) return unlimited;
    // A fallback's model may be able to say less, and refuses what asks for more.
    const cap = outputCap === null ? null : Math.min(outputCap, Math.max(target.size.outputTokens, 1));
    const cost = figures.cost(target, cap ?? this.#parts.outputTokens, clock.nowMs());
    if (cost === null && key.budgetMode === 'enforce' && !key.allowsUnpriced) return unpricedRefusal(key, target.model);
    const reservedNanoUsd = cost ?? 0;
    const sunk = attempts.reduce((sum, attempt) => sum + costSoFar(attempt, prices), 0);
    const limit = cap === null || cost === null ? null : { name: target.outputLimitName, tokens: cap };
    return soon(hold.cover(sunk + reservedNanoUsd), (isCovered) =>
      isCovered ? { outputCap: limit, reservedNanoUsd } : attemptRefusal(key),
    );
  }

  /** Books what the attempts used in place of what was reserved. The second call does nothing. */
  settle(): void {
    const { hold, prices, attempts, onSettled } = this.#parts;
    hold.settle(takenBy(attempts, prices));
    onSettled(attempts);
  }

  [Symbol.dispose](): void {
    const { key, hold, clock, attempts } = this.#parts;
    if (key.maxConcurrency !== null && isCutShort(attempts.at(-1))) clock.after(noticeMs, () => hold.release());
    else hold.release();
  }
}

/** The gateway itself has ended the call, or its connection broke: the upstream may not know yet. */
function isCutShort(attempt: AttemptRecord | undefined): boolean {
  if (attempt?.mayHaveReachedUpstream !== true || attempt.outcome === 'ok') return false;
  return attempt.status === null || (attempt.status >= 200 && attempt.status <= 299);
}

const unlimited: AttemptTerms = { outputCap: null, reservedNanoUsd: null };
