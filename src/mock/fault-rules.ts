// Which fault, if any, a request meets: named by its model, by the script's rules for its key, by its key, or by the script's rules for its model or everything.
import { faultNamed, type NamedFault } from './faults/table.ts';
import type { FaultRule, FaultSetting, MockScript } from './script.ts';

/** The model names that choose a fault. */
export const FAULT_MODEL_PREFIX = 'gpt-fault-';

/** The keys that choose a fault, where the script has no row for them. */
const faultKey = /^sk-(?:proj-)?fault-(?<name>.+)$/;

/** A rule and how often it was reached and applied. */
interface RuleState {
  readonly rule: FaultRule;
  readonly fault: NamedFault;
  reached: number;
  applied: number;
}

/** The fault rules of one script, with their counters. */
export class FaultRules {
  readonly #byKey: ReadonlyMap<string, readonly RuleState[]>;
  readonly #byModel: ReadonlyMap<string, readonly RuleState[]>;
  readonly #forAll: readonly RuleState[];
  readonly #sinceMs: number;

  /** @throws {Error} when a rule names no fault of the table. */
  constructor(script: MockScript, nowMs: number) {
    this.#byKey = statesByName(script.keys);
    this.#byModel = statesByName(script.models);
    this.#forAll = statesOf(script.fault);
    this.#sinceMs = nowMs;
  }

  /** The fault of this request. Counts the request at every rule that it reaches. */
  pick(key: string, model: string | null, nowMs: number): NamedFault | undefined {
    if (model?.startsWith(FAULT_MODEL_PREFIX)) {
      const named = faultNamed(model.slice(FAULT_MODEL_PREFIX.length));
      if (named !== undefined) return named;
    }
    const elapsedMs = nowMs - this.#sinceMs;
    const chosen =
      this.#ofKey(key, elapsedMs) ??
      (model === null ? undefined : firstThatApplies(this.#byModel.get(model), elapsedMs)) ??
      firstThatApplies(this.#forAll, elapsedMs);
    return chosen?.fault;
  }

  #ofKey(key: string, elapsedMs: number): { readonly fault: NamedFault } | undefined {
    const states = this.#byKey.get(key);
    if (states !== undefined) return firstThatApplies(states, elapsedMs);
    const name = faultKey.exec(key)?.groups?.['name'];
    const fault = name === undefined ? undefined : faultNamed(name);
    return fault && { fault };
  }
}

function firstThatApplies(states: readonly RuleState[] | undefined, elapsedMs: number): RuleState | undefined {
  return states?.find((state) => applies(state, elapsedMs));
}

function applies(state: RuleState, elapsedMs: number): boolean {
  const { from_ms = 0, until_ms = Infinity, after = 0, first = Infinity, share = 1 } = state.rule;
  if (elapsedMs < from_ms || elapsedMs >= until_ms) return false;
  const serial = state.reached;
  state.reached += 1;
  if (serial < after || state.applied >= first || pseudoRandom(serial) >= share) return false;
  state.applied += 1;
  return true;
}

/** A fixed number in [0, 1) for each serial number (the mixing function of mulberry32). */
function pseudoRandom(serial: number): number {
  const seed = Math.imul(serial + 1, 0x6d2b79f5);
  const mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
  const final = mixed ^ (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61));
  return ((final ^ (final >>> 14)) >>> 0) / 4_294_967_296;
}

function statesByName(
  rows: Readonly<Record<string, { readonly fault?: FaultSetting }>> = {},
): ReadonlyMap<string, readonly RuleState[]> {
  return new Map(Object.entries(rows).map(([name, row]) => [name, statesOf(row.fault)]));
}

function statesOf(setting: FaultSetting | undefined): readonly RuleState[] {
  if (setting === undefined) return [];
  const rules = typeof setting === 'string' || 'fault' in setting ? [setting] : setting;
  return rules.map((given) => {
    const rule = typeof given === 'string' ? { fault: given } : given;
    const fault = faultNamed(rule.fault);
    if (fault === undefined) throw new Error(`There is no fault called ${rule.fault}; GET /__faults lists them.`);
    return { rule, fault, reached: 0, applied: 0 };
  });
}
