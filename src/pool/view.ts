// The pool as the accounts API shows it: health, quota and group of a member. Times are ISO 8601, UTC.
import { activeBench, type Bench } from './bench.ts';
import type { Allowance } from './allowance.ts';
import type { Member } from './member.ts';

const minuteMs = 60_000;

/** How something is, and since and until when it is not well. */
export interface Condition {
  readonly status: 'ok' | 'benched' | 'circuit_open' | 'half_open' | 'draining' | 'disabled';
  readonly reason: string | null;
  readonly since: string | null;
  readonly until: string | null;
}

/** How a member is. `per_model` holds the models that are not well. */
export interface Health extends Condition {
  readonly per_model: readonly (Condition & { readonly model: string })[];
}

/** What is left for one model, by the upstream's last word and our own count since. */
export interface QuotaView {
  readonly model: string;
  readonly limit_requests: number | null;
  readonly remaining_requests: number | null;
  readonly reset_requests_ms: number | null;
  readonly limit_tokens: number | null;
  readonly remaining_tokens: number | null;
  readonly reset_tokens_ms: number | null;
  /** Null where the upstream has said nothing: the limits are those set by hand. */
  readonly observed_at: string | null;
}

/** Who shares the member's quota. `id` is null while it is its own. */
export interface GroupView {
  readonly id: string | null;
  readonly members: readonly string[];
  readonly adds_no_capacity: boolean;
}

const ok: Condition = { status: 'ok', reason: null, since: null, until: null };

export function healthOf(member: Member, nowMs: number): Health {
  const perModel = new Map<string, Condition>();
  let inUse = 0;
  let open = 0;
  for (const [model, { bench, circuit, lastUsedAtMs }] of member.models) {
    const state = circuit.state(nowMs);
    if (nowMs - lastUsedAtMs < minuteMs || state !== 'closed') {
      inUse += 1;
      if (state !== 'closed') open += 1;
    }
    if (state !== 'closed') {
      perModel.set(model, {
        status: state === 'open' ? 'circuit_open' : 'half_open',
        reason: circuit.reason,
        since: isoTime(circuit.openedAtMs ?? nowMs),
        until: state === 'open' ? isoTime(circuit.openUntilMs) : null,
      });
    }
    const active = activeBench(bench, nowMs);
    if (active !== undefined) perModel.set(model, benched(active));
  }
  for (const [model, { bench }] of member.group.models) {
    const active = activeBench(bench, nowMs);
    if (active !== undefined) perModel.set(model, benched(active));
  }
  return {
    ...wholeOf(member, inUse > 0 && open === inUse ? [...perModel.values()] : [], nowMs),
    per_model: [...perModel].map(([model, condition]) => ({ model, ...condition })),
  };
}

/** The account as a whole; a circuit that is open for all that it was used for is its own. */
function wholeOf(member: Member, circuits: readonly Condition[], nowMs: number): Condition {
  const bench = activeBench(member.bench, nowMs);
  if (!member.account.isActive) return { ...ok, status: 'disabled' };
  if (bench !== undefined) return benched(bench);
  if (member.account.weight === 0) return { ...ok, status: 'draining' };
  return (
    circuits.find(({ status }) => status === 'half_open') ??
    circuits.find(({ status }) => status === 'circuit_open') ??
    ok
  );
}

function benched({ reason, sinceMs, untilMs }: Bench): Condition {
  return { status: 'benched', reason, since: isoTime(sinceMs), until: isoTime(untilMs) };
}

export function quotaOf(member: Member, nowMs: number): QuotaView[] {
  return [...member.group.models].flatMap(([model, { requests, tokens, observedAtMs }]) => {
    if (requests.limit === null && tokens.limit === null) return [];
    const [limitRequests, remainingRequests, resetRequests] = left(requests, nowMs);
    const [limitTokens, remainingTokens, resetTokens] = left(tokens, nowMs);
    return [
      {
        model,
        limit_requests: limitRequests,
        remaining_requests: remainingRequests,
        reset_requests_ms: resetRequests,
        limit_tokens: limitTokens,
        remaining_tokens: remainingTokens,
        reset_tokens_ms: resetTokens,
        observed_at: observedAtMs === 0 ? null : isoTime(observedAtMs),
      },
    ];
  });
}

/** Limit, what is left, and the ms until all of it is back. */
function left(allowance: Allowance, nowMs: number): readonly [number | null, number | null, number | null] {
  const { limit } = allowance;
  if (limit === null) return [null, null, null];
  const remaining = Math.max(Math.floor(allowance.left(nowMs)), 0);
  return [limit, remaining, limit === 0 ? null : Math.ceil(allowance.freeAtMs(limit, nowMs) - nowMs)];
}

export function groupOf(member: Member, members: readonly Member[]): GroupView {
  const { group } = member;
  const ids = members.filter((other) => other.group === group).map(({ account }) => account.id);
  return { id: group.sharedId, members: ids, adds_no_capacity: ids.length > 1 };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
