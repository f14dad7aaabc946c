// Which member serves next: a pure function that says of every candidate why or why not.
import { matchesModel } from '../core/model-pattern.ts';
import type { Bench } from './bench.ts';
import type { Member } from './member.ts';

/** Why a member cannot serve. */
export type Obstacle = 'other_provider' | 'inactive' | 'draining' | 'model_not_allowed' | 'benched';

/** What is wanted. */
export interface Wish {
  readonly providerId: string;
  readonly model: string;
  /** Account ids that this request has tried already: taken again only when nothing else is left. */
  readonly tried: readonly string[];
}

/** A member, judged. */
export interface Candidate {
  readonly member: Member;
  readonly obstacle: Obstacle | undefined;
  readonly bench: Bench | undefined;
}

/** Judges one member. */
export function judge(member: Member, wish: Wish, nowMs: number): Candidate {
  const { account } = member;
  const bench = member.benchFor(wish.model, nowMs);
  let obstacle: Obstacle | undefined;
  if (account.providerId !== wish.providerId) obstacle = 'other_provider';
  else if (!account.isActive) obstacle = 'inactive';
  else if (account.weight === 0) obstacle = 'draining';
  else if (!mayServe(account.allowedModels, wish.model)) obstacle = 'model_not_allowed';
  else if (bench !== undefined) obstacle = 'benched';
  return { member, obstacle, bench };
}

function mayServe(allowed: readonly string[], model: string): boolean {
  return allowed.length === 0 || allowed.some((pattern) => matchesModel(pattern, model));
}

/**
 * The order in which eligible members should be tried: higher priority first, the untried before the tried, and among
 * equals in turn, beginning at `turn`.
 */
export function order(candidates: readonly Candidate[], wish: Wish, turn: number): Member[] {
  const eligible = candidates.filter(({ obstacle }) => obstacle === undefined).map(({ member }) => member);
  const start = eligible.length === 0 ? 0 : turn % eligible.length;
  const inTurn = [...eligible.slice(start), ...eligible.slice(0, start)];
  const rank = (member: Member): number => (wish.tried.includes(member.account.id) ? 1 : 0);
  return inTurn.sort((a, b) => rank(a) - rank(b) || b.account.priority - a.account.priority);
}
