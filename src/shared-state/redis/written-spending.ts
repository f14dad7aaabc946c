// What of this gateway's spending the ledger surely holds, and since when: for a store that forgot all of it and heard the ledger's word from another gateway.
import type { NanoUsd } from '../../core/price.ts';

/** Gateways come back within so long of each other. */
const keptMs = 10_000;

/** So much is in the ledger, and has been for `ageMs` at least. */
export interface WrittenAmount {
  readonly nanoUsd: NanoUsd;
  readonly ageMs: number;
}

/** Spending in one period, as it reaches the ledger. Times are ms since the epoch. */
export class WrittenSpending {
  #notes: { readonly nanoUsd: NanoUsd; readonly atMs: number }[] = [];

  /** From now on whoever reads the ledger finds at least so much of what was spent here. */
  note(nanoUsd: NanoUsd, nowMs: number): void {
    const latest = this.#notes.at(-1);
    if (latest?.nanoUsd === nanoUsd) return;
    const firstKept = this.#notes.findIndex(({ atMs }) => nowMs - atMs < keptMs);
    // The last one before that time says what was true at its beginning.
    this.#notes = firstKept === -1 ? this.#notes.slice(-1) : this.#notes.slice(Math.max(firstKept - 1, 0));
    this.#notes.push({ nanoUsd, atMs: nowMs });
  }

  forget(): void {
    this.#notes = [];
  }

  at(nowMs: number): readonly WrittenAmount[] {
    return this.#notes.map(({ nanoUsd, atMs }) => ({ nanoUsd, ageMs: nowMs - atMs }));
  }
}
