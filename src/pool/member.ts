// An account at work: its live state, kept apart from its configuration and across changes of it.
import { isSameToUpstream, type Account } from '../core/account.ts';
import { activeBench, type Bench } from './bench.ts';
import { ByModel } from './by-model.ts';
import { Circuit } from './circuit.ts';
import type { QuotaGroup } from './quota-group.ts';

/** One model on this account alone; its quota is the group's. */
export interface ModelState {
  bench: Bench | undefined;
  readonly circuit: Circuit;
  lastUsedAtMs: number;
}

/** An account with its live state. */
export class Member {
  account: Account;
  group: QuotaGroup;
  /** Organization and project as its answers named them. */
  owner: { organization?: string; project?: string } = {};
  inFlight = 0;
  /** Ms since the epoch; 0 where it was not used since somebody asked. */
  lastUsedAtMs = 0;
  bench: Bench | undefined;
  /** Its bench has ended, and one request is finding out whether it is well again. */
  isTrying = false;
  readonly models: ByModel<ModelState> = new ByModel();

  constructor(account: Account, group: QuotaGroup) {
    this.account = account;
    this.group = group;
  }

  /** Takes over changed configuration; another credential, organization or provider starts with a clean slate. */
  apply(account: Account): void {
    if (!isSameToUpstream(account, this.account)) {
      this.#liftOwn();
      // What others share is still as it was for them.
      if (this.group.sharedId === null) this.group.unbench();
      this.owner = {};
    }
    this.account = account;
  }

  /** The model's state, made where it is new. */
  model(name: string): ModelState {
    return (
      this.models.get(name) ?? this.models.add(name, { bench: undefined, circuit: new Circuit(), lastUsedAtMs: 0 })
    );
  }

  /** The bench that keeps it from serving `model` at `nowMs`: of several the one that ends last. */
  benchFor(model: string, nowMs: number): Bench | undefined {
    const benches = [
      activeBench(this.bench, nowMs),
      activeBench(this.models.get(model)?.bench, nowMs),
      this.group.benchFor(model, nowMs),
    ];
    return benches.reduce(
      (latest, bench) => (bench !== undefined && bench.untilMs > (latest?.untilMs ?? 0) ? bench : latest),
      undefined,
    );
  }

  /** Lifts every bench, and closes every circuit. */
  unbench(): void {
    this.#liftOwn();
    this.group.unbench();
  }

  #liftOwn(): void {
    this.bench = undefined;
    this.isTrying = false;
    this.models.clear();
  }
}
