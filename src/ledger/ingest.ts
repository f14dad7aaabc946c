// Takes a spool over into the database: transaction by transaction, each with the place up to which it reaches.
import type { Clock } from '../lib/clock.ts';
import type { LedgerEntry, LedgerPart, LedgerStore, SpoolPosition } from '../storage/ledger-store.ts';
import { Assembly } from './assemble.ts';
import { deleteSegmentsBefore, SegmentReader, type SpoolLine } from './segments.ts';

/**
 * A transaction begins nothing more after so many entries, and holds the database's write lock for 25 to 30 ms then. Fewer
 * would be dearer: two requests of one transaction whose sums have a row in common write it once.
 */
const enoughEntries = 2000;
/** A request that runs longer gets its row before its end, so that the spool is not held back by it. */
const longRunningMs = 30_000;

/** One spool on its way into the database. */
export class Ingest {
  readonly #folder: string;
  readonly #spool: string;
  readonly #store: LedgerStore;
  readonly #clock: Clock;
  #reader: SegmentReader;
  #assembly = new Assembly();
  /** Up to here what was read and is over is in the database. */
  #doneTo: SpoolPosition;
  /** Up to here everything is. */
  #written: SpoolPosition;

  private constructor(folder: string, spool: string, store: LedgerStore, clock: Clock, from: SpoolPosition) {
    this.#folder = folder;
    this.#spool = spool;
    this.#store = store;
    this.#clock = clock;
    this.#reader = new SegmentReader(folder, from);
    this.#doneTo = from;
    this.#written = from;
  }

  static async begin(folder: string, spool: string, store: LedgerStore, clock: Clock): Promise<Ingest> {
    return new Ingest(folder, spool, store, clock, await store.position(spool));
  }

  /** Up to where everything that was read is in the database. */
  get doneTo(): SpoolPosition {
    return this.#doneTo;
  }

  /** Takes over what is there, at most a transaction; true where more may be waiting. Rejects where the database does not answer: nothing is lost then. */
  async step(): Promise<boolean> {
    return this.#write(this.#read());
  }

  /** Takes the rest over; requests without an end are booked as `unknown`: their process has died. */
  async finish(): Promise<void> {
    while (await this.step());
    await this.#write(this.#part(this.#assembly.takeOpen(Infinity)));
  }

  /** Brings what was read from the system's memory to the disk. */
  sync(): void {
    this.#reader.sync();
  }

  close(): void {
    this.#reader.close();
  }

  /** What the next lines end, and who has run for long. */
  #read(): LedgerPart {
    const nowMs = this.#clock.nowMs();
    const entries: LedgerEntry[] = [];
    let lines: readonly SpoolLine[];
    do {
      lines = this.#reader.read();
      for (const line of lines) {
        const entry = this.#assembly.take(line, nowMs);
        if (entry !== undefined) entries.push(entry);
      }
      // Where nothing has ended, what ends it may be next.
    } while (entries.length === 0 && lines.length > 0);
    entries.push(...this.#assembly.takeOpen(nowMs - longRunningMs));
    return this.#part(entries);
  }

  #part(entries: LedgerEntry[]): LedgerPart {
    return { entries, position: this.#assembly.resumeAt(this.#reader.position) };
  }

  /** Writes what was read and, in the same transaction, what can be read behind it. */
  async #write(first: LedgerPart): Promise<boolean> {
    let last = first;
    let count = first.entries.length;
    if (count > 0 || !isSame(first.position, this.#written)) {
      const more = (): LedgerPart | undefined => {
        if (count >= enoughEntries) return undefined;
        const next = this.#readIfPossible();
        if (next === undefined || next.entries.length === 0) return undefined;
        last = next;
        count += next.entries.length;
        return next;
      };
      try {
        await this.#store.append({ spool: this.#spool, ...first, more });
      } catch (error) {
        this.#beginAgain();
        throw error;
      }
    }
    // The one before stays: after a power failure the database may have forgotten its last transactions.
    if (last.position.segment > this.#written.segment) deleteSegmentsBefore(this.#folder, last.position.segment - 1);
    this.#written = last.position;
    this.#doneTo = this.#reader.position;
    return count > 0;
  }

  /** Undefined where it cannot be read: that is told by who reads it next, and keeps nothing back that was read before. */
  #readIfPossible(): LedgerPart | undefined {
    try {
      return this.#read();
    } catch {
      return undefined;
    }
  }

  /** Forgets what was read and is not in the database: it is in the spool. */
  #beginAgain(): void {
    this.#reader.close();
    this.#reader = new SegmentReader(this.#folder, this.#written);
    this.#assembly = new Assembly();
  }
}

function isSame(a: SpoolPosition, b: SpoolPosition): boolean {
  return a.segment === b.segment && a.offsetBytes === b.offsetBytes;
}
