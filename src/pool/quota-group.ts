// A quota group: accounts that share one quota, and what is left of it for each model.
import type { QuotaReading } from '../core/quota.ts';
import { Allowance } from './allowance.ts';
import { activeBench, type Bench } from './bench.ts';
import { ByModel } from './by-model.ts';

/** Limits set by hand, a minute; null: what the upstream tells holds alone. */
export interface HandLimits {
  readonly rpm: number | null;
  readonly tpm: number | null;
}

/** One model's part of a quota. */
export interface ModelQuota {
  readonly requests: Allowance;
  readonly tokens: Allowance;
  bench: Bench | undefined;
  /** When the upstream's last word came; 0 where none has. What it said is not kept: an object for each answer would outlive many collections. */
  observedAtMs: number;
}

const ownGroupPrefix = 'account/';

/** The id of the group that an account has to itself until something else is known. */
export function ownGroupId(accountId: string): string {
  return ownGroupPrefix + accountId;
}

function isSharedGroupId(id: string): boolean {
  return !id.startsWith(ownGroupPrefix);
}

/** Accounts that share one quota. */
export class QuotaGroup {
  readonly id: string;
  /** The account that it was made for, or who came after it: its limits set by hand are the group's. */
  #founderId: string;
  #limits: HandLimits;
  /** How many accounts in use draw on it. */
  sharers = 0;
  readonly models: ByModel<ModelQuota>;

  /** `heir` takes over what is known of a group that has turned out to be this one. */
  constructor(id: string, founderId: string, limits: HandLimits, heir?: QuotaGroup) {
    this.id = id;
    this.#founderId = founderId;
    this.#limits = limits;
    this.models = heir === undefined ? new ByModel() : heir.models;
    // One change may set another group and other limits: what the heir's models count towards is the old ones.
    this.setLimits(limits);
  }

  /** Its id where it stands for more than one account's own quota, else null. */
  get sharedId(): string | null {
    return isSharedGroupId(this.id) ? this.id : null;
  }

  get founderId(): string {
    return this.#founderId;
  }

  /** The account that founded it has gone: from now on another's limits count. */
  passTo(founderId: string, limits: HandLimits): void {
    this.#founderId = founderId;
    this.setLimits(limits);
  }

  /** Takes over limits set by hand; where they have changed, counting towards them begins anew. */
  setLimits(limits: HandLimits): void {
    this.#limits = limits;
    for (const quota of this.models.values()) {
      quota.requests.setCeiling(limits.rpm);
      quota.tokens.setCeiling(limits.tpm);
    }
  }

  /** The model's quota, made where it is new. */
  quota(model: string): ModelQuota {
    return this.models.get(model) ?? this.models.add(model, this.#newQuota());
  }

  /** The model's quota where one is known. */
  known(model: string): ModelQuota | undefined {
    return this.models.get(model);
  }

  benchFor(model: string, nowMs: number): Bench | undefined {
    return activeBench(this.models.get(model)?.bench, nowMs);
  }

  /** Takes over what an answer said, to a request that left at `sentAtMs`. */
  learn(model: string, reading: QuotaReading, sentAtMs: number, nowMs: number): void {
    const quota = this.quota(model);
    quota.requests.learn({ limit: reading.limitRequests, remaining: reading.remainingRequests }, sentAtMs);
    quota.tokens.learn({ limit: reading.limitTokens, remaining: reading.remainingTokens }, sentAtMs);
    quota.observedAtMs = nowMs;
  }

  unbench(): void {
    for (const quota of this.models.values()) quota.bench = undefined;
  }

  #newQuota(): ModelQuota {
    const { rpm, tpm } = this.#limits;
    return { requests: new Allowance(rpm), tokens: new Allowance(tpm), bench: undefined, observedAtMs: 0 };
  }
}
