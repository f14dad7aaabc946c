// The right to use a member for one attempt: taken before the attempt, given back after it, whatever happened.
import { isSameToUpstream, type Account } from '../core/account.ts';
import type { Failure } from '../core/failure.ts';
import type { QuotaOwner, QuotaReading } from '../core/quota.ts';
import type { Taken } from './allowance.ts';
import { benchAfter, type Bench } from './bench.ts';
import type { Circuit } from './circuit.ts';
import type { Member } from './member.ts';
import type { ModelQuota } from './quota-group.ts';
import type { RestScope } from './rest.ts';

/** What the pool hears of its leases. */
export interface LeaseListener {
  /** An answer named who owns the account's quota. */
  onOwner(member: Member, owner: QuotaOwner): void;
  /** A whole organization is out of credit. */
  onOrganizationFailed(member: Member, failure: Failure, nowMs: number): void;
  /** A whole organization has used up its limit for a model. */
  onOrganizationLimited(member: Member, model: string, failure: Failure, nowMs: number): void;
  /** Something has become free, or has changed. */
  onChange(): void;
  /**
   * How many gateways draw on the same quotas without hearing of each other. Each then takes it that the others send as
   * much as itself.
   */
  readonly parties: number;
  /** A model's quota has been drawn upon; given back where negative. */
  onTaken(member: Member, model: string, requests: number, tokens: number): void;
  /** An answer to a request that left at `sentAtMs` told what is left of the quota. */
  onReading(member: Member, model: string, reading: QuotaReading, sentAtMs: number): void;
  /** A bench has begun or got longer, or a circuit has opened. */
  onRest(member: Member, scope: RestScope, model: string, nowMs: number): void;
}

/** The right to use a member for one attempt on one model. Use it with `using`. */
export class Lease implements Disposable {
  readonly member: Member;
  /** The member's account as it was when the lease was taken: its credential is the one that the attempt uses. */
  readonly account: Account;
  readonly model: string;
  /** Why this member was chosen. */
  readonly because: string;
  readonly #takenAtMs: number;
  readonly #quota: ModelQuota;
  readonly #requests: Taken;
  readonly #tokens: Taken;
  readonly #estimate: number;
  readonly #listener: LeaseListener;
  readonly #circuit: Circuit;
  #isHeld = true;
  /** It is the one request that tries an account whose bench has ended. */
  #triesAccount: boolean;
  /** It is the one request that tries what its circuit was opened for. */
  #triesCircuit: boolean;

  constructor(member: Member, model: string, tokens: number, because: string, nowMs: number, listener: LeaseListener) {
    this.member = member;
    this.account = member.account;
    this.model = model;
    this.because = because;
    this.#takenAtMs = nowMs;
    this.#listener = listener;
    this.#quota = member.group.quota(model);
    this.#requests = this.#quota.requests.take(listener.parties, nowMs);
    this.#tokens = this.#quota.tokens.take(tokens * listener.parties, nowMs);
    this.#estimate = tokens;
    listener.onTaken(member, model, 1, tokens);
    this.#triesAccount = member.bench !== undefined;
    if (this.#triesAccount) member.isTrying = true;
    member.inFlight += 1;
    member.lastUsedAtMs = nowMs;
    const state = member.model(model);
    state.lastUsedAtMs = nowMs;
    this.#circuit = state.circuit;
    this.#triesCircuit = state.circuit.begin(nowMs);
  }

  /** The account has another credential, organization or provider by now. */
  get #isOutdated(): boolean {
    return !isSameToUpstream(this.member.account, this.account);
  }

  /** Takes over what the answer says is left of the quota. */
  learnQuota(reading: QuotaReading | undefined, nowMs: number): void {
    if (reading === undefined || this.#isOutdated) return;
    this.member.group.learn(this.model, reading, this.#takenAtMs, nowMs);
    this.#listener.onReading(this.member, this.model, reading, this.#takenAtMs);
  }

  /** Takes over what the answer says of the quota's owner. */
  learnOwner(owner: QuotaOwner | undefined): void {
    if (owner !== undefined && !this.#isOutdated) this.#listener.onOwner(this.member, owner);
  }

  /** The attempt never reached the upstream: it used nothing. */
  refund(): void {
    if (this.#requests.amount === 0) return;
    this.#listener.onTaken(this.member, this.model, -1, -this.#estimate);
    this.#quota.requests.giveBack(this.#requests);
    this.#quota.tokens.giveBack(this.#tokens);
  }

  /** The answer has begun, and may last: whoever waits for this trial need not wait for its end. */
  prove(nowMs: number): void {
    if (this.#isOutdated || !(this.#triesAccount || this.#triesCircuit)) return;
    if (this.#triesCircuit) this.#circuit.close();
    if (this.#triesAccount) {
      this.member.isTrying = false;
      endStrike(this.member, nowMs);
    }
    this.#triesCircuit = false;
    this.#triesAccount = false;
    this.#listener.onChange();
  }

  /** Books how the attempt ended on whom it concerns. */
  report(failure: Failure | null, nowMs: number): void {
    // What becomes of the old credential is nothing to hold against the new one.
    if (this.#isOutdated) return;
    const { member, model } = this;
    const state = member.model(model);
    const isTrial = this.#triesCircuit && state.circuit === this.#circuit;
    if (failure === null || failure.source === 'caller') state.circuit.succeed(nowMs, isTrial);
    else if (failure.source === 'upstream' && failure.isStale !== true)
      this.#failCircuit(state.circuit, failure, nowMs, isTrial);
    else if (isTrial) state.circuit.forget();
    this.#triesCircuit = false;
    if (failure === null || (this.#triesAccount && failure.source === 'caller')) {
      forgetStrikes(member, state, this.#quota, nowMs);
    } else bench(failure, this, this.#quota, this.#listener, nowMs);
  }

  #failCircuit(circuit: Circuit, { message }: Failure, nowMs: number, isTrial: boolean): void {
    const before = circuit.openUntilMs;
    circuit.fail(message, nowMs, isTrial);
    if (circuit.openUntilMs !== before) this.#listener.onRest(this.member, 'circuit', this.model, nowMs);
  }

  [Symbol.dispose](): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#triesAccount && !this.#isOutdated) this.member.isTrying = false;
    // It was never made, or nobody told how it ended: the next one tries.
    if (this.#triesCircuit) this.#circuit.forget();
    this.member.inFlight -= 1;
    this.#listener.onChange();
  }
}

/** A success ends the row of failures; a bench that still runs stays, the answer may be to an older request. */
function forgetStrikes(member: Member, state: { bench: ModelQuota['bench'] }, quota: ModelQuota, nowMs: number): void {
  endStrike(member, nowMs);
  endStrike(state, nowMs);
  endStrike(quota, nowMs);
}

function endStrike(holder: { bench: ModelQuota['bench'] }, nowMs: number): void {
  if (holder.bench !== undefined && holder.bench.untilMs <= nowMs) holder.bench = undefined;
}

function bench(
  failure: Failure,
  { member, model }: Lease,
  quota: ModelQuota,
  listener: LeaseListener,
  nowMs: number,
): void {
  const rest = (holder: { bench: Bench | undefined }, scope: RestScope): void => {
    const after = benchAfter(holder.bench, failure, nowMs);
    if (after === holder.bench) return;
    holder.bench = after;
    listener.onRest(member, scope, scope === 'account' ? '' : model, nowMs);
  };
  switch (failure.scope) {
    case 'none':
      return;
    case 'account':
      rest(member, 'account');
      return;
    case 'organization':
      listener.onOrganizationFailed(member, failure, nowMs);
      return;
    case 'account_model':
      rest(member.model(model), 'account_model');
      return;
    case 'quota_group_model':
      rest(quota, 'quota_group_model');
      return;
    case 'organization_model':
      rest(quota, 'quota_group_model');
      listener.onOrganizationLimited(member, model, failure, nowMs);
  }
}
