// Asks what client keys have spent, for many of them at once: one question costs the threads as much as one for all who wait.
import type { Period } from '../core/period.ts';
import type { NanoUsd } from '../core/price.ts';
import type { Ledger } from './ledger.ts';

/** More make one statement long, and the others wait for it. */
const mostKeys = 256;

/** Reads what keys have spent since a moment, and what one gateway has; see `LedgerReports`. */
export interface SpendingReader {
  spending(keyIds: readonly string[], fromMs: number): Promise<ReadonlyMap<string, NanoUsd>>;
  spendingOfSpool(spool: string, keyId: string, period: Period): Promise<NanoUsd | undefined>;
  /** Whether the database is known not to answer. */
  isAway(): boolean;
}

interface Waiting {
  readonly keyId: string;
  readonly fromMs: number;
  readonly resolve: (spent: NanoUsd) => void;
  readonly reject: (error: Error) => void;
}

/** Asks one question at a time; who comes meanwhile waits for the next, which is theirs together. */
export class SpendingQuestions {
  readonly #ledger: Pick<Ledger, 'sync'>;
  readonly #reader: SpendingReader;
  #waiting: Waiting[] = [];
  #isAsking = false;

  constructor(ledger: Pick<Ledger, 'sync'>, reader: SpendingReader) {
    this.#ledger = ledger;
    this.#reader = reader;
  }

  /** Resolves when all that is over by now is in the database. */
  sync(): Promise<void> {
    return this.#ledger.sync();
  }

  /** What a gateway that is no more has spent of the key's budget in this period; gateways go by the names of their spools. */
  spentByGone(gatewayId: string, keyId: string, period: Period): Promise<NanoUsd | undefined> {
    return this.#reader.spendingOfSpool(gatewayId, keyId, period);
  }

  /** What the key has spent since `fromMs`, with all that was over when this was called. Rejects where the ledger cannot tell, at once where that is known. */
  spentSince(keyId: string, fromMs: number): Promise<NanoUsd> {
    if (this.#reader.isAway()) return Promise.reject(new Error('the database does not answer'));
    const { promise, resolve, reject } = Promise.withResolvers<NanoUsd>();
    this.#waiting.push({ keyId, fromMs, resolve, reject });
    if (!this.#isAsking) void this.#askAll();
    return promise;
  }

  async #askAll(): Promise<void> {
    this.#isAsking = true;
    for (let chosen = this.#choose(); chosen.length > 0; chosen = this.#choose()) await this.#ask(chosen);
    this.#isAsking = false;
  }

  /** Who is asked for next: the first who waits, and all whose periods began in the same moment. */
  #choose(): readonly Waiting[] {
    const fromMs = this.#waiting[0]?.fromMs;
    const chosen = this.#waiting.filter((one) => one.fromMs === fromMs).slice(0, mostKeys);
    const isChosen = new Set(chosen);
    this.#waiting = this.#waiting.filter((one) => !isChosen.has(one));
    return chosen;
  }

  async #ask(chosen: readonly Waiting[]): Promise<void> {
    try {
      await this.#ledger.sync();
      const keyIds = [...new Set(chosen.map(({ keyId }) => keyId))];
      const spent = await this.#reader.spending(keyIds, chosen[0]?.fromMs ?? 0);
      for (const { keyId, resolve } of chosen) resolve(spent.get(keyId) ?? 0);
    } catch (error) {
      for (const { reject } of chosen) reject(error as Error);
    }
  }
}
