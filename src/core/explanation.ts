// Where a request would go and why: what /route/explain answers.

/** One account, and what stands for or against it. */
export interface ExplainedCandidate {
  readonly account_id: string;
  readonly label: string;
  readonly eligible: boolean;
  /** Codes of obstacles; after that of a bench the kind of failure that it is for. */
  readonly reasons: readonly string[];
  readonly score: number;
  /** What is left; null while no limit is known. */
  readonly headroom_requests: number | null;
  readonly headroom_tokens: number | null;
  readonly quota_group: string | null;
}

/** Where a request would go. */
export interface Explanation {
  readonly provider_id: string;
  readonly model: string;
  /** What led there: a route's pattern, or the rule's name. */
  readonly route: string;
  readonly candidates: readonly ExplainedCandidate[];
  /** Account ids in the order in which they would be tried. */
  readonly order: readonly string[];
}
