// How many retries a provider may be sent: a share of its requests, so that an outage is not answered with a storm.

const share = 0.2;
/**
 * So many retries are granted whatever the share is. The short stretch bounds a burst. The long one is for failures that
 * come late: their requests are no longer in the short one, whose floor is granted anew every few seconds. Its own is
 * higher: who makes few requests needs no protection from ten minutes of retries, and from 300 requests on it is their share.
 */
const bounds = [
  { lengthMs: 10_000, floor: 10 },
  { lengthMs: 600_000, floor: 60 },
] as const;
const slots = 10;

interface Slot {
  startMs: number;
  requests: number;
  retries: number;
}

/** The retries of one provider over the last so many milliseconds. */
class Stretch {
  readonly #lengthMs: number;
  readonly #floor: number;
  readonly #slots: Slot[] = Array.from({ length: slots }, () => ({
    startMs: Number.NEGATIVE_INFINITY,
    requests: 0,
    retries: 0,
  }));

  constructor({ lengthMs, floor }: (typeof bounds)[number]) {
    this.#lengthMs = lengthMs;
    this.#floor = floor;
  }

  /** Whether one more retry is within the share, or the floor. */
  hasRoom(nowMs: number): boolean {
    let requests = 0;
    let retries = 0;
    for (const slot of this.#slots) {
      if (nowMs - slot.startMs >= this.#lengthMs) continue;
      requests += slot.requests;
      retries += slot.retries;
    }
    return retries + 1 <= Math.max(this.#floor, requests * share);
  }

  slot(nowMs: number): Slot {
    const width = this.#lengthMs / slots;
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

/** The retries of one provider. */
export class RetryBudget {
  readonly #stretches: readonly Stretch[] = bounds.map((bound) => new Stretch(bound));

  request(nowMs: number): void {
    for (const stretch of this.#stretches) stretch.slot(nowMs).requests += 1;
  }

  /** Takes a retry if there is one left. */
  takeRetry(nowMs: number): boolean {
    for (const stretch of this.#stretches) if (!stretch.hasRoom(nowMs)) return false;
    for (const stretch of this.#stretches) stretch.slot(nowMs).retries += 1;
    return true;
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
