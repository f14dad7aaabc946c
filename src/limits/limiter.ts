// The limits of client keys at work: admits requests, and learns from them when they are over.
import type { ClientKey } from '../core/client-key.ts';
import type { AttemptRecord } from '../core/record.ts';
import { soon, type Soon } from '../lib/soon.ts';
import { Specimens } from '../lib/specimens.ts';
import type { Standing } from '../shared-state/limit-state.ts';
import { Admission, type AdmissionParts, type LimitedRequest } from './admission.ts';
import { BudgetPeriods } from './budget-period.ts';
import { BudgetQueues } from './budget-queue.ts';
import { leavesTierOpen, RequestFigures } from './figures.ts';
import { LearnedUsage, type LearningHabit } from './learned-usage.ts';
import type { RequestShape } from './request-shape.ts';
import { Reservation } from './reservation.ts';

/** Providers whose tiers are remembered, and tiers of each: both are few, whatever answers claim. */
const providersKept = 1000;
const tiersKept = 4;

/** Whether a key has any limit at all. */
export function hasLimits({ rpm, tpm, maxConcurrency, budget }: ClientKey): boolean {
  return rpm !== null || tpm !== null || maxConcurrency !== null || budget !== null;
}

/** Admits requests of keys that have limits. */
export class Limiter {
  readonly #parts: AdmissionParts;
  readonly #shared: { readonly periods: BudgetPeriods; readonly queues: BudgetQueues };
  readonly #learned = new LearnedUsage();
  readonly #specimens = new Specimens();
  /** Provider → tiers that it served where nobody had asked for one: a project can have another default. */
  readonly #unaskedTiers = new Map<string, readonly string[]>();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#shared = { periods: new BudgetPeriods(), queues: new BudgetQueues(parts.clock, parts.state) };
  }

  /** How the key's windows stand. */
  standing(keyId: string): Standing {
    return this.#parts.state.standing(keyId);
  }

  /**
   * Reserves all that the request may take, after a wait where money is missing that others only hold. Throws the
   * `GatewayError` that refuses it, or a `StoppedError` where it is stopped meanwhile.
   */
  reserve(request: LimitedRequest): Soon<Reservation> {
    const { key, shape, output, target } = request;
    const { clock } = this.#parts;
    const prices = this.#parts.prices();
    const habit = this.#learned.habit(key.id, shape.model);
    const figures = new RequestFigures({
      shape,
      output,
      prices,
      habit,
      unaskedTiers: (providerId) => this.#unaskedTiers.get(providerId) ?? [],
    });
    const admission = new Admission(this.#parts, this.#shared, request, figures);
    return soon(admission.admit(), ({ hold, need, period }) => {
      this.#specimens.keep('admission', admission);
      return new Reservation({
        key,
        target,
        hold,
        period,
        figures,
        prices,
        clock,
        attempts: request.attempts,
        // A budget that is only watched changes nothing of the request.
        outputCap: key.budgetMode === 'enforce' ? need.outputCap : null,
        outputTokens: need.outputTokens,
        onSettled: (attempts) => this.#learn(shape, figures, habit, attempts),
      });
    });
  }

  #learn(
    shape: RequestShape,
    { content }: RequestFigures,
    habit: LearningHabit,
    attempts: readonly AttemptRecord[],
  ): void {
    for (const { providerId, usage, usageSource, outcome, serviceTier } of attempts) {
      if (serviceTier !== null && leavesTierOpen(shape)) this.#learnTier(providerId, serviceTier);
      if (usage === null || usageSource !== 'upstream') continue;
      const isText = content.images === 0 && content.audioBytes === 0 && !content.refersElsewhere;
      if (isText) habit.learnPrompt(content.textBytes, usage.prompt_tokens);
      if (outcome !== 'ok') continue;
      habit.learnAnswer(usage.completion_tokens / (shape.choices * content.prompts));
    }
  }

  #learnTier(providerId: string, tier: string): void {
    const known = this.#unaskedTiers.get(providerId) ?? [];
    if (tier === 'default' || known.includes(tier) || known.length >= tiersKept) return;
    if (this.#unaskedTiers.size < providersKept) this.#unaskedTiers.set(providerId, [...known, tier]);
  }
}
