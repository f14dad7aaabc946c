// When the ledger is tidied: a bite at a time, while nothing waits to be written.
import type { Clock } from '../lib/clock.ts';
import type { LedgerMaintenance } from '../storage/ledger-maintenance.ts';

/** A start has better things to do. */
const firstAfterMs = 10_000;
/** Where nothing was due, how long until somebody looks again. */
const lookAgainMs = 5000;
const afterTroubleMs = 60_000;

/** What housekeeping is made of. */
export interface HousekeepingParts {
  /** Called once there is something to do. */
  readonly open: () => Promise<LedgerMaintenance>;
  readonly clock: Clock;
  /** Hears what is wrong, and null when it is well again. */
  readonly onTrouble: (message: string | null) => void;
}

/** The maintenance at work. Its trouble is not the ledger's: rows are written all the same. */
export class Housekeeping {
  readonly #parts: HousekeepingParts;
  #maintenance: LedgerMaintenance | undefined;
  #dueMs: number;
  #trouble: string | null = null;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
    this.#dueMs = parts.clock.nowMs() + firstAfterMs;
  }

  /** Does a bite where one is due; true where another one is due at once. */
  async step(): Promise<boolean> {
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs < this.#dueMs) return false;
    try {
      this.#maintenance ??= await this.#parts.open();
      const isMoreDue = await this.#maintenance.step(nowMs);
      if (!isMoreDue) this.#dueMs = nowMs + lookAgainMs;
      this.#tell(null);
      return isMoreDue;
    } catch (error) {
      this.#dueMs = nowMs + afterTroubleMs;
      this.#tell((error as Error).message);
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#maintenance?.close();
  }

  #tell(trouble: string | null): void {
    if (trouble !== this.#trouble) this.#parts.onTrouble(trouble);
    this.#trouble = trouble;
  }
}
