// Gateways' pools in one process: what one tells the others hear, unless the way is cut.
import type { KeptEntry, PoolExchange } from '../../src/shared-state/pool-exchange.ts';
import type { Clock } from '../../src/lib/clock.ts';

/** The place where exchanges meet. */
export class PoolHub {
  readonly #clock: Clock;
  readonly #members = new Set<HubExchange>();
  #kept = new Map<string, KeptEntry>();
  #changes = 0;
  #isCut = false;
  /** What has been told so far. */
  readonly told: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The exchange of one more gateway. */
  open(): PoolExchange {
    const exchange = new HubExchange(this);
    this.#members.add(exchange);
    return exchange;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  get gateways(): number {
    return this.#members.size;
  }

  get changes(): number {
    return this.#changes;
  }

  /** From now on nobody hears anything, and nothing is kept. */
  cut(): void {
    this.#isCut = true;
  }

  /** Everybody hears again; `isEmpty`: of a server that has forgotten everything. */
  heal(isEmpty = false): void {
    this.#isCut = false;
    if (isEmpty) this.#kept = new Map();
    this.#changes += 1;
    for (const member of this.#members) member.comeBack();
  }

  tell(from: HubExchange, text: string): void {
    if (this.#isCut) return;
    this.told.push(text);
    for (const member of this.#members) if (member !== from) member.hear(text);
  }

  keep(entries: readonly KeptEntry[]): void {
    if (this.#isCut) return;
    for (const entry of entries) this.#kept.set(entry.name, entry);
    this.#changes += 1;
  }

  forget(prefixes: readonly string[]): void {
    if (this.#isCut) return;
    for (const name of this.#kept.keys())
      if (prefixes.some((prefix) => name.startsWith(prefix))) this.#kept.delete(name);
    this.#changes += 1;
  }

  kept(): string[] {
    return [...this.#kept.values()].flatMap(({ text, untilMs }) => (untilMs > this.#clock.nowMs() ? [text] : []));
  }
}

class HubExchange implements PoolExchange {
  readonly #hub: PoolHub;
  readonly #hearers = new Set<(text: string) => void>();
  readonly #returnListeners = new Set<() => void>();
  #known = -1;

  constructor(hub: PoolHub) {
    this.#hub = hub;
  }

  get isAway(): boolean {
    return this.#hub.isCut;
  }

  get gateways(): number {
    return this.#hub.gateways;
  }

  tell(text: string): void {
    this.#hub.tell(this, text);
  }

  keep(entries: readonly KeptEntry[]): void {
    this.#hub.keep(entries);
  }

  forget(prefixes: readonly string[]): void {
    this.#hub.forget(prefixes);
  }

  async kept(): Promise<readonly string[] | undefined> {
    if (this.#hub.isCut || this.#known === this.#hub.changes) return undefined;
    this.#known = this.#hub.changes;
    return this.#hub.kept();
  }

  onTold(listener: (text: string) => void): () => void {
    this.#hearers.add(listener);
    return () => this.#hearers.delete(listener);
  }

  onReturn(listener: () => void): () => void {
    this.#returnListeners.add(listener);
    return () => this.#returnListeners.delete(listener);
  }

  hear(text: string): void {
    for (const hear of this.#hearers) hear(text);
  }

  comeBack(): void {
    this.#known = -1;
    for (const listener of this.#returnListeners) listener();
  }
}
