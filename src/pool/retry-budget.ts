// How many retries a provider may be sent: a share of its requests, so that an outage is not answered with a storm.

const windowMs = 10_000;
const slots = 10;
const share = 0.2;
const floor = 10;

interface Slot {
  startMs: number;
  requests: number;
  retries: number;
}

/** The retries of one provider over the last ten seconds. */
export class RetryBudget {
  readonly #slots: Slot[] = Array.from({ length: slots }, () => ({
    startMs: Number.NEGATIVE_INFINITY,
    requests: 0,
    retries: 0,
  }));

  request(nowMs: number): void {
    this.#slot(nowMs).requests += 1;
  }

  /** Takes a retry if there is one left. */
  takeRetry(nowMs: number): boolean {
    let requests = 0;
    let retries = 0;
    for (const slot of this.#slots) {
      if (nowMs - slot.startMs >= windowMs) continue;
      requests += slot.requests;
      retries += slot.retries;
    }
    if (retries >= Math.max(floor, requests * share)) return false;
    this.#slot(nowMs).retries += 1;
    return true;
  }

  #slot(nowMs: number): Slot {
    const width = windowMs / slots;
    const startMs = Math.floor(nowMs / width) * width;
    const slot = this.#slots[(startMs / width) % slots] as Slot;
    if (slot.startMs !== startMs) {
      slot.startMs = startMs;
      slot.requests = 0;
      slot.retries = 0;
    }
    return slot;
  }
}

/** A budget for each provider. */
export class RetryBudgets {
  readonly #byProvider = new Map<string, RetryBudget>();

  request(providerId: string, nowMs: number): void {
    this.#of(providerId).request(nowMs);
  }

  /** Takes a retry of the provider's budget if there is one left. */
  take(providerId: string, nowMs: number): boolean {
    return this.#of(providerId).takeRetry(nowMs);
  }

  #of(providerId: string): RetryBudget {
    const known = this.#byProvider.get(providerId);
    if (known !== undefined) return known;
    const budget = new RetryBudget();
    this.#byProvider.set(providerId, budget);
    return budget;
  }
}
