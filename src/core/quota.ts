// What an upstream says of its limits: what is left of them, and whose they are.

/** What one answer says is left, of requests and of tokens. Null where it says nothing usable; durations in ms. */
export interface QuotaReading {
  readonly limitRequests: number | null;
  readonly remainingRequests: number | null;
  readonly resetRequestsMs: number | null;
  readonly limitTokens: number | null;
  readonly remainingTokens: number | null;
  readonly resetTokensMs: number | null;
}

/** Whose quota it is: accounts of the same organization and project share one. */
export interface QuotaOwner {
  readonly organization?: string;
  readonly project?: string;
}
