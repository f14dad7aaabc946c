// Which member serves next: a pure function of the members' state, the wish, the time and one random number.
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

function judge(member: Member, wish: Wish, nowMs: number, parties: number): Candidate {
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

function mayServe(allowed: readonly string[], model: string): boolean {
  return allowed.length === 0 || allowed.some((pattern) => matchesModel(pattern, model));
}

/**
 * The best tier of the eligible: those that this request has not tried before those that it has, then the highest
 * priority.
 */
export function bestTier(candidates: readonly Candidate[], tried: readonly string[]): Candidate[] {
  let best: Candidate[] = [];
  let bestRank: readonly [untried: boolean, priority: number] = [false, Number.NEGATIVE_INFINITY];
  for (const candidate of candidates) {
    if (candidate.obstacles.length > 0) continue;
    const { id, priority } = candidate.member.account;
    const untried = !tried.includes(id);
    const [bestUntried, bestPriority] = bestRank;
    const order = Number(untried) - Number(bestUntried) || priority - bestPriority;
    if (order > 0) {
      best = [candidate];
      bestRank = [untried, priority];
    } else if (order === 0) best.push(candidate);
  }
  return best;
}

/**
 * Picks one of a tier by stride scheduling (Waldspurger, 1995): each pick moves a member ahead by one over its score, and
 * whoever is furthest behind is next, so that picks follow the scores as evenly as can be. Nobody is further behind
 * than `turn`, the place of the last pick: who comes back from a bench is not owed what it missed. `random`
 * (0 ≤ random < 1) decides between equals. Undefined for an empty tier.
 */
export function pick(tier: readonly Candidate[], turn: number, random: number): Candidate | undefined {
  let first = Number.POSITIVE_INFINITY;
  for (const { member } of tier) first = Math.min(first, Math.max(member.turn, turn));
  const equals = tier.filter(({ member }) => Math.max(member.turn, turn) === first);
  return equals[Math.floor(random * equals.length)];
}

/** The eligible in the order in which a request would try them, tier by tier. */
export function order(candidates: readonly Candidate[], turn: number): Candidate[] {
  const place = ({ member }: Candidate): number => Math.max(member.turn, turn);
  return candidates
    .filter(({ obstacles }) => obstacles.length === 0)
    .sort((a, b) => b.member.account.priority - a.member.account.priority || place(a) - place(b) || b.score - a.score);
}

/** Where a picked candidate stands after the pick. */
export function turnAfter({ member, score }: Candidate, turn: number): number {
  return Math.max(member.turn, turn) + 1 / score;
}
