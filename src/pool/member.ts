// An account at work: its live state, kept apart from its configuration and across changes of it.
import type { Account } from '../core/account.ts';
import type { Failure } from '../core/failure.ts';
import { benchDurationMs, nextBench, type Bench } from './bench.ts';

/** How a member is, as the accounts API shows it. Times are ISO 8601, UTC. */
export interface Health {
  readonly status: 'ok' | 'benched' | 'circuit_open' | 'half_open' | 'draining' | 'disabled';
  readonly reason: string | null;
  readonly since: string | null;
  readonly until: string | null;
  readonly per_model: readonly {
    readonly model: string;
    readonly status: 'benched';
    readonly reason: string;
    readonly since: string;
    readonly until: string;
  }[];
}

/** Most models whose benches one member remembers: model names come from clients. */
const modelsKept = 1000;

/** An account with its live state. */
export class Member {
  account: Account;
  inFlight = 0;
  lastUsedAtMs: number | undefined;
  #bench: Bench | undefined;
  readonly #modelBenches = new Map<string, Bench>();

  constructor(account: Account) {
    this.account = account;
  }

  /** Takes over changed configuration; a new credential starts with a clean slate. */
  apply(account: Account): void {
    if (account.credentialVersion !== this.account.credentialVersion) this.unbench();
    this.account = account;
  }

  /** The bench that keeps it from serving `model` at `nowMs`, the one that ends last. */
  benchFor(model: string, nowMs: number): Bench | undefined {
    const whole = activeBench(this.#bench, nowMs);
    const one = activeBench(this.#modelBenches.get(model), nowMs);
    if (whole === undefined || one === undefined) return whole ?? one;
    return whole.untilMs >= one.untilMs ? whole : one;
  }

  /** Benches for a failure as far as its scope says so. */
  punish(failure: Failure, model: string, nowMs: number): void {
    const { benchMs, kind, message: reason, retryAfterMs, scope } = failure;
    if (benchMs === undefined || scope === 'none') return;
    const isWhole = scope === 'account' || scope === 'organization';
    const before = isWhole ? this.#bench : this.#modelBenches.get(model);
    const strikes = before?.kind === kind ? before.strikes + 1 : 1;
    const untilMs = nowMs + benchDurationMs(strikes, benchMs, retryAfterMs);
    const bench = nextBench(before, { kind, reason, untilMs }, nowMs);
    if (isWhole) this.#bench = bench;
    else this.#rememberModel(model, bench);
  }

  /** A success proves the account and the model well: the next failure starts its count afresh. */
  praise(model: string): void {
    this.#bench = undefined;
    if (this.#modelBenches.size > 0) this.#modelBenches.delete(model);
  }

  /** Lifts every bench. */
  unbench(): void {
    this.#bench = undefined;
    this.#modelBenches.clear();
  }

  health(nowMs: number): Health {
    const bench = activeBench(this.#bench, nowMs);
    const status = !this.account.isActive
      ? 'disabled'
      : bench
        ? 'benched'
        : this.account.weight === 0
          ? 'draining'
          : 'ok';
    return {
      status,
      reason: bench?.reason ?? null,
      since: bench ? isoTime(bench.sinceMs) : null,
      until: bench ? isoTime(bench.untilMs) : null,
      per_model: [...this.#modelBenches].flatMap(([model, found]) => {
        const active = activeBench(found, nowMs);
        if (active === undefined) return [];
        const { reason, sinceMs, untilMs } = active;
        return [{ model, status: 'benched' as const, reason, since: isoTime(sinceMs), until: isoTime(untilMs) }];
      }),
    };
  }

  #rememberModel(model: string, bench: Bench): void {
    this.#modelBenches.delete(model);
    this.#modelBenches.set(model, bench);
    if (this.#modelBenches.size <= modelsKept) return;
    const [oldest] = this.#modelBenches.keys();
    if (oldest !== undefined) this.#modelBenches.delete(oldest);
  }
}

function activeBench(bench: Bench | undefined, nowMs: number): Bench | undefined {
  return bench !== undefined && bench.untilMs > nowMs ? bench : undefined;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
