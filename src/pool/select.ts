// Whether a member can serve, and what stands against it: a pure function of its state, the wish and the time.
import { matchesModel } from '../core/model-pattern.ts';
import type { Bench } from './bench.ts';
import type { Member } from './member.ts';

/** Why a member cannot serve now. */
export type Obstacle =
  | 'other_provider'
  | 'inactive'
  | 'draining'
  | 'model_not_allowed'
  | 'benched'
  | 'circuit_open'
  | 'concurrency_reached'
  | 'no_requests_left'
  | 'no_tokens_left';

/** What is wanted. */
export interface Wish {
  readonly providerId: string;
  readonly model: string;
  /** Estimated tokens of the request. */
  readonly tokens: number;
  /** Account ids that this request has tried already: taken again only when nothing else is left. */
  readonly tried: readonly string[];
}

/** A member, judged. */
export interface Candidate {
  readonly member: Member;
  /** All that stands against it; empty: it is eligible. */
  readonly obstacles: readonly Obstacle[];
  readonly bench: Bench | undefined;
  /** The smaller share of requests and tokens left, times its weight, spread over the accounts that share the quota. */
  readonly score: number;
  /** What is left of each, infinite where no limit is known. */
  readonly leftRequests: number;
  readonly leftTokens: number;
  /** When the obstacles end by themselves, in ms since the epoch; undefined where they do not, or nobody can tell. */
  readonly freeAtMs: number | undefined;
}

/** So that one pick never costs a member more than twenty turns. */
const leastShare = 0.05;

/**
 * Judges every member; those of other providers are left out. `parties`: see `LeaseListener`.
 */
export function judgeAll(members: readonly Member[], wish: Wish, nowMs: number, parties = 1): Candidate[] {
  const candidates: Candidate[] = [];
  for (const member of members) {
    if (member.account.providerId === wish.providerId) candidates.push(judge(member, wish, nowMs, parties));
  }
  return candidates;
}

/** Judges one member. `parties`: see `LeaseListener`. */
export function judge(member: Member, wish: Wish, nowMs: number, parties = 1): Candidate {
  const { account, group } = member;
  const quota = group.known(wish.model);
  const circuit = member.models.get(wish.model)?.circuit;
  // While one request tries an account whose bench has just ended, the bench goes on for the others.
  const bench = member.benchFor(wish.model, nowMs) ?? (member.isTrying ? member.bench : undefined);
  const leftRequests = (quota?.requests.left(nowMs) ?? account.limits.rpm ?? Number.POSITIVE_INFINITY) / parties;
  const leftTokens = (quota?.tokens.left(nowMs) ?? account.limits.tpm ?? Number.POSITIVE_INFINITY) / parties;
  const obstacles: Obstacle[] = [];
  let freeAtMs = nowMs;
  if (!account.isActive) obstacles.push('inactive');
  if (account.weight === 0) obstacles.push('draining');
  if (!mayServe(account.allowedModels, wish.model)) obstacles.push('model_not_allowed');
  const isFixed = obstacles.length > 0;
  if (bench !== undefined) {
    obstacles.push('benched');
    freeAtMs = Math.max(freeAtMs, bench.untilMs);
  }
  if (circuit?.lets(nowMs) === false) {
    obstacles.push('circuit_open');
    freeAtMs = Math.max(freeAtMs, circuit.openUntilMs);
  }
  if (member.inFlight >= (account.limits.max_concurrency ?? Number.POSITIVE_INFINITY))
    obstacles.push('concurrency_reached');
  const requestsAtMs = quota?.requests.freeAtMs(parties, nowMs) ?? nowMs;
  if (requestsAtMs > nowMs) obstacles.push('no_requests_left');
  const tokensAtMs = quota?.tokens.freeAtMs(wish.tokens * parties, nowMs) ?? nowMs;
  if (tokensAtMs > nowMs) obstacles.push('no_tokens_left');
  freeAtMs = Math.max(freeAtMs, requestsAtMs, tokensAtMs);
  const share = Math.min(quota?.requests.share(nowMs) ?? 1, quota?.tokens.share(nowMs) ?? 1);
  return {
    member,
    obstacles,
    bench,
    // An eligible member keeps a small chance, however little is left. Accounts that draw on the same quota add no
    // capacity: together they weigh as much as one.
    score: (Math.max(share, leastShare) * account.weight) / Math.max(group.sharers, 1),
    leftRequests,
    leftTokens,
    freeAtMs: isFixed ? undefined : freeAtMs,
  };
}

/** Whether nothing but limits keeps it from serving, which time alone mends. */
export function isThrottled(candidate: Candidate): candidate is Candidate & { readonly freeAtMs: number } {
  const { bench, freeAtMs, obstacles } = candidate;
  return (
    freeAtMs !== undefined &&
    !obstacles.includes('circuit_open') &&
    (bench === undefined || bench.kind === 'rate_limited')
  );
}

/** Whether it could serve such a wish at all, as it is configured. */
export function isMeantFor({ account }: Member, { providerId, model }: Pick<Wish, 'providerId' | 'model'>): boolean {
  const { isActive, weight, allowedModels } = account;
  return account.providerId === providerId && isActive && weight > 0 && mayServe(allowedModels, model);
}

function mayServe(allowed: readonly string[], model: string): boolean {
  return allowed.length === 0 || allowed.some((pattern) => matchesModel(pattern, model));
}
