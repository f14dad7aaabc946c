// From lines to entries: holds back the intents of requests that run, and knows how far the spool is done with.
import type { LedgerEntry, SpoolPosition } from '../storage/ledger-store.ts';
import { readMark, readRecord } from './lines.ts';
import { OpenRequests } from './open-requests.ts';
import { rowsOf } from './rows.ts';
import type { SpoolLine } from './segments.ts';

/** Takes lines in order and gives entries. */
export class Assembly {
  readonly #open = new OpenRequests();
  #tornLines = 0;

  /** Lines that could not be read: at most one where a process was killed. */
  get tornLines(): number {
    return this.#tornLines;
  }

  /** The entry of a request that ends with this line. */
  take({ text, position }: SpoolLine, nowMs: number): LedgerEntry | undefined {
    const head = readMark(text);
    if (head === undefined) {
      this.#tornLines += 1;
      return undefined;
    }
    if (head.mark === 'intent') {
      const before = this.#open.get(head.id);
      this.#open.set({
        id: head.id,
        line: text,
        position: before?.position ?? position,
        seenAtMs: before?.seenAtMs ?? nowMs,
      });
      return undefined;
    }
    const record = readRecord(text);
    if (record === undefined) {
      this.#tornLines += 1;
      return undefined;
    }
    this.#open.delete(head.id);
    return rowsOf(record, true);
  }

  /** Entries, without an end, of the requests that were begun before this time; they are held back no more. */
  takeOpen(beforeMs: number): LedgerEntry[] {
    const entries: LedgerEntry[] = [];
    for (const { line } of this.#open.takeBefore(beforeMs)) {
      const record = readRecord(line);
      if (record !== undefined) entries.push(rowsOf(record, false));
    }
    return entries;
  }

  /** Where to begin again after a crash: the first line that is held back, else where reading stands. */
  resumeAt(readTo: SpoolPosition): SpoolPosition {
    return this.#open.firstPosition ?? readTo;
  }
}
