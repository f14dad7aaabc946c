// Asks for all that a request may take at once; where only money is missing that others merely hold, it asks again when some comes back.
import type { ClientKey, LimitMode } from '../core/client-key.ts';
import type { EndpointOutput } from '../core/endpoint.ts';
import { GatewayError } from '../core/errors.ts';
import type { StopReason } from '../core/exchange.ts';
import type { Period } from '../core/period.ts';
import type { NanoUsd, PriceBook } from '../core/price.ts';
import type { AttemptRecord } from '../core/record.ts';
import type { Encoding } from '../core/token-estimator.ts';
import type { Cancellation } from '../lib/cancellation.ts';
import type { Clock } from '../lib/clock.ts';
import { soon, type Soon } from '../lib/soon.ts';
import type { Decision, Hold, LimitName, LimitState, Money, Obstacle } from '../shared-state/limit-state.ts';
import type { BudgetPeriods } from './budget-period.ts';
import type { BudgetQueues } from './budget-queue.ts';
import type { LimitTarget, RequestFigures } from './figures.ts';
import type { Need } from './need.ts';
import { refusalOf, unpricedRefusal } from './refusal.ts';
import type { RequestShape } from './request-shape.ts';
import { answerOf } from './store-answer.ts';

/** After its deadline a request may still be read to its end for its usage (60 s at most): then it is surely over. */
const graceMs = 90_000;
/** Longer texts are not counted: that would take longer than it is worth. */
const longestCountedBytes = 1 << 20;
/** A text has no fewer tokens than this share of its bytes, so far as a count is worth trying. */
const fewestTokensPerByte = 1 / 16;

/** A limit that a request did not fit into: refused, or only noted. */
export interface LimitPassed {
  readonly requestId: string;
  readonly keyId: string;
  readonly limit: LimitName;
  readonly mode: LimitMode;
}

/** What an admission needs of the rest. */
export interface AdmissionParts {
  readonly state: LimitState;
  /** The prices in force. */
  readonly prices: () => PriceBook;
  readonly clock: Clock;
  /** The longest wait for money that other requests hold, in ms. */
  readonly queueTimeoutMs: number;
  /** The most tokens that the text of a prompt in a body has, off the event loop; undefined where it cannot be counted. */
  readonly countPrompt: (body: Uint8Array, encoding: Encoding) => Promise<number | undefined>;
  /** Hears of every limit that a request did not fit into. */
  readonly onPassed: (passed: LimitPassed) => void;
}

/** A request that wants to go out. */
export interface LimitedRequest {
  readonly id: string;
  readonly key: ClientKey;
  readonly shape: RequestShape;
  /** How its endpoint limits answers; null where answers have no tokens. */
  readonly output: EndpointOutput | null;
  /** Where its first attempt goes. */
  readonly target: LimitTarget;
  /** Ms since the epoch. */
  readonly deadlineMs: number;
  readonly cancellation: Cancellation<StopReason>;
  /** Where its attempts will be noted. */
  readonly attempts: readonly AttemptRecord[];
}

/** What a request was given. */
export interface Admitted {
  readonly hold: Hold;
  readonly need: Need;
  /** Whose money it spends; null for a key without a budget. */
  readonly period: Period | null;
}

/** A decision with what it was about. */
interface Asked {
  readonly hold: Hold | undefined;
  readonly need: Need;
  readonly period: Period | null;
  /** What stands against the request, watched limits apart. */
  readonly obstacles: readonly Obstacle[];
  readonly money: Money | null;
}

const nothing: Need = { nanoUsd: 0, outputTokens: 0, outputCap: null };

/** Admits one request. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #periods: BudgetPeriods;
  readonly #queues: BudgetQueues;
  readonly #request: LimitedRequest;
  readonly #figures: RequestFigures;

  constructor(
    parts: AdmissionParts,
    shared: { readonly periods: BudgetPeriods; readonly queues: BudgetQueues },
    request: LimitedRequest,
    figures: RequestFigures,
  ) {
    this.#parts = parts;
    this.#periods = shared.periods;
    this.#queues = shared.queues;
    this.#request = request;
    this.#figures = figures;
  }

  /** What the request may take, held. Throws a `GatewayError` that refuses it, or a `StoppedError` where it is stopped meanwhile. */
  admit(): Soon<Admitted> {
    const { key } = this.#request;
    // Who comes later stands behind those who wait already.
    const first = key.budget !== null && this.#queues.isWaiting(key.id) ? undefined : this.#ask();
    return soon(first, (asked) =>
      asked === undefined || this.#lacksOnlyMoney(asked)
        ? this.#insist(asked).then((insisted) => this.#admitted(insisted))
        : this.#admitted(asked),
    );
  }

  #admitted(asked: Asked): Admitted {
    if (asked.hold === undefined) throw this.#refuse(asked);
    return { hold: asked.hold, need: asked.need, period: asked.period };
  }

  /** Makes the need smaller by a count of the prompt, then waits for what others give back, as long as either can help. */
  async #insist(first: Asked | undefined): Promise<Asked> {
    const { key, deadlineMs, cancellation } = this.#request;
    const { clock, queueTimeoutMs } = this.#parts;
    const untilMs = Math.min(clock.nowMs() + queueTimeoutMs, deadlineMs);
    let asked = first === undefined ? undefined : await this.#askWithCount(first);
    if (asked !== undefined && !this.#mayFitLater(asked)) return asked;
    using place = this.#queues.join(key.id);
    if (place === undefined) return this.#ask();
    // Something may have come back before the place was there to hear of it.
    if (asked !== undefined) asked = await this.#ask();
    for (;;) {
      if (asked !== undefined && !this.#mayFitLater(asked)) return asked;
      const isTurn = await place.wait(untilMs, cancellation);
      asked = await this.#ask();
      if (!isTurn) return asked;
      asked = await this.#askWithCount(asked);
    }
  }

  /** One decision by the budget as it stands. */
  #ask(): Soon<Asked> {
    const { key } = this.#request;
    const { clock, state } = this.#parts;
    const { budget } = key;
    if (budget === null) return this.#askFor(nothing, null);
    const nowMs = clock.nowMs();
    const period = this.#periods.at(budget, nowMs);
    const asked = soon(answerOf(clock, state.money(key, period)), ({ spentNanoUsd, reservedNanoUsd }) =>
      this.#askFor(this.#needWith(budget.amountNanoUsd - spentNanoUsd - reservedNanoUsd, nowMs), period),
    );
    if (key.budgetMode === 'enforce' || !(asked instanceof Promise)) return asked;
    return asked.catch((error: unknown) => {
      // A budget that is only watched keeps nobody out where nobody knows what was spent.
      if (!(error instanceof GatewayError) || error.code !== 'storage_unavailable') throw error;
      return this.#askFor(this.#needWith(budget.amountNanoUsd, nowMs), null);
    });
  }

  #askFor(need: Need, period: Period | null): Soon<Asked> {
    const { key, deadlineMs } = this.#request;
    const { clock, state } = this.#parts;
    const tokens = this.#figures.estimatedTokens;
    const demand = { tokens, nanoUsd: need.nanoUsd, period, expiresAtMs: deadlineMs + graceMs };
    return soon(answerOf(clock, state.reserve(key, demand), giveBack), (decision) =>
      this.#understand(decision, need, period),
    );
  }

  #understand(decision: Decision, need: Need, period: Period | null): Asked {
    const { key } = this.#request;
    if (decision.isAdmitted) {
      for (const { limit } of decision.passed) this.#tell(limit, 'shadow');
      return { hold: decision.hold, need, period, obstacles: [], money: null };
    }
    const obstacles = decision.obstacles.filter(
      ({ limit }) => (limit === 'budget' ? key.budgetMode : key.limitsMode) === 'enforce',
    );
    return { hold: undefined, need, period, obstacles, money: decision.money };
  }

  /** What the request needs of the budget; throws where its price is not known, and that is a hindrance. */
  #needWith(leftNanoUsd: NanoUsd, nowMs: number): Need {
    const { key, target } = this.#request;
    const need = this.#figures.need(target, leftNanoUsd, nowMs);
    if (need !== null) return need;
    if (key.allowsUnpriced) return this.#figures.unpricedNeed(target);
    this.#tell('budget', key.budgetMode);
    if (key.budgetMode === 'enforce') throw unpricedRefusal(key, target.model);
    return this.#figures.unpricedNeed(target);
  }

  /** Counts the prompt where that can make the difference, and asks again. */
  async #askWithCount(asked: Asked): Promise<Asked> {
    const { shape, target } = this.#request;
    const figures = this.#figures;
    const { encoding } = target;
    if (encoding === undefined || figures.isCounted || !this.#lacksOnlyMoney(asked)) return asked;
    if (figures.content.textBytes > longestCountedBytes || !this.#couldFitWhenCounted(asked)) return asked;
    // Without a count the bytes stay the bound.
    figures.noteCount(target, await this.#parts.countPrompt(shape.body, encoding));
    return this.#ask();
  }

  #couldFitWhenCounted({ money }: Asked): boolean {
    const fewest = Math.floor(this.#figures.content.textBytes * fewestTokensPerByte);
    const least = this.#figures.need(this.#request.target, 0, this.#parts.clock.nowMs(), fewest);
    return money !== null && least !== null && money.spentNanoUsd + least.nanoUsd <= this.#amountNanoUsd;
  }

  /** Enough would be left if all that others hold came back. */
  #mayFitLater(asked: Asked): boolean {
    const { money, need } = asked;
    if (money === null || !this.#lacksOnlyMoney(asked)) return false;
    return money.reservedNanoUsd > 0 && money.spentNanoUsd + need.nanoUsd <= this.#amountNanoUsd;
  }

  #lacksOnlyMoney({ obstacles }: Asked): boolean {
    return obstacles.length > 0 && obstacles.every(({ limit }) => limit === 'budget');
  }

  get #amountNanoUsd(): NanoUsd {
    return this.#request.key.budget?.amountNanoUsd ?? 0;
  }

  #refuse({ obstacles, money, period }: Asked): GatewayError {
    const { key } = this.#request;
    const refusal = refusalOf({ key, obstacles, money, period, tokens: this.#figures.estimatedTokens });
    this.#tell(refusal.limit, 'enforce');
    return refusal.error;
  }

  #tell(limit: LimitName, mode: LimitMode): void {
    const { id, key } = this.#request;
    this.#parts.onPassed({ requestId: id, keyId: key.id, limit, mode });
  }
}

/** What was granted to a request that is refused already. */
function giveBack(decision: Decision): void {
  if (!decision.isAdmitted) return;
  decision.hold.settle({ countsAsRequest: false, tokens: 0, nanoUsd: 0 });
  decision.hold.release();
}
