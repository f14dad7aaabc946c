// Requests and tokens a minute for each quota and model: buckets that refill continuously at limit / 60 s, as OpenAI's do.
import type { QuotaState } from './headers.ts';

const MINUTE_MS = 60_000;
/** Forgives the rounding of many small refills. */
const TOLERANCE = 1e-6;

/** Limits a minute, both known. */
export interface FullLimits {
  readonly requests: number;
  readonly tokens: number;
}

/** What a request met at its quota. */
export type Verdict =
  | { readonly isAdmitted: true; readonly state: QuotaState }
  | {
      readonly isAdmitted: false;
      readonly state: QuotaState;
      readonly per: 'requests' | 'tokens';
      readonly limit: number;
      readonly used: number;
      readonly requested: number;
      /** Time until the bucket holds enough; infinite when the request is over the whole limit. */
      readonly waitMs: number;
    };

interface Bucket {
  readonly limit: number;
  level: number;
}

interface Quota {
  readonly requests: Bucket;
  readonly tokens: Bucket;
  filledAt: number;
}

/** All quotas of one fake OpenAI. */
export class Quotas {
  readonly #quotas = new Map<string, Quota>();

  /** Takes one request and its tokens from the quota `name`, or nothing at all. A refused request takes nothing. */
  admit(name: string, limits: FullLimits, tokens: number, nowMs: number): Verdict {
    const quota = this.#quotaOf(name, limits, nowMs);
    for (const [per, requested] of [
      ['tokens', tokens],
      ['requests', 1],
    ] as const) {
      const { limit, level } = quota[per];
      if (level + TOLERANCE >= requested) continue;
      const waitMs = requested > limit ? Infinity : ((requested - level) * MINUTE_MS) / limit;
      return {
        isAdmitted: false,
        state: stateOf(quota),
        per,
        limit,
        used: Math.ceil(limit - level),
        requested,
        waitMs,
      };
    }
    quota.requests.level -= 1;
    quota.tokens.level -= tokens;
    return { isAdmitted: true, state: stateOf(quota) };
  }

  /** Fills every quota by forgetting it. */
  clear(): void {
    this.#quotas.clear();
  }

  #quotaOf(name: string, limits: FullLimits, nowMs: number): Quota {
    const known = this.#quotas.get(name);
    if (known?.requests.limit === limits.requests && known.tokens.limit === limits.tokens) {
      refill(known, nowMs);
      return known;
    }
    const fresh: Quota = {
      requests: { limit: limits.requests, level: limits.requests },
      tokens: { limit: limits.tokens, level: limits.tokens },
      filledAt: nowMs,
    };
    this.#quotas.set(name, fresh);
    return fresh;
  }
}

function refill(quota: Quota, nowMs: number): void {
  const elapsedMs = nowMs - quota.filledAt;
  if (elapsedMs <= 0) return;
  quota.filledAt = nowMs;
  for (const bucket of [quota.requests, quota.tokens]) {
    bucket.level = Math.min(bucket.limit, bucket.level + (bucket.limit * elapsedMs) / MINUTE_MS);
  }
}

function stateOf({ requests, tokens }: Quota): QuotaState {
  return {
    limitRequests: requests.limit,
    remainingRequests: Math.floor(requests.level + TOLERANCE),
    resetRequestsMs: msUntilFull(requests),
    limitTokens: tokens.limit,
    remainingTokens: Math.floor(tokens.level + TOLERANCE),
    resetTokensMs: msUntilFull(tokens),
  };
}

function msUntilFull({ limit, level }: Bucket): number {
  return ((limit - level) * MINUTE_MS) / limit;
}
