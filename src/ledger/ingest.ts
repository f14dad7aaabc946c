// Takes a spool over into the database: batch by batch, each with the place up to which it reaches.
import type { Clock } from '../lib/clock.ts';
import type { LedgerEntry, LedgerStore, SpoolPosition } from '../storage/ledger-store.ts';
import { Assembly } from './assemble.ts';
import { deleteSegmentsBefore, SegmentReader } from './segments.ts';

/** A write lock on the database is held no longer than so many entries take: about 10 ms. */
const batchEntries = 500;
/** A request that runs longer gets its row before its end, so that the spool is not held back by it. */
const longRunningMs = 30_000;

/** One spool on its way into the database. */
export class Ingest {
  readonly #folder: string;
  readonly #spool: string;
  readonly #store: LedgerStore;
  readonly #clock: Clock;
  readonly #reader: SegmentReader;
  readonly #assembly = new Assembly();
  /** Read, but not in the database yet. */
  #entries: LedgerEntry[] = [];
  #readTo: SpoolPosition;
  #written: SpoolPosition;

  private constructor(folder: string, spool: string, store: LedgerStore, clock: Clock, from: SpoolPosition) {
    this.#folder = folder;
    this.#spool = spool;
    this.#store = store;
    this.#clock = clock;
    this.#reader = new SegmentReader(folder, from);
    this.#readTo = from;
    this.#written = from;
  }

  static async begin(folder: string, spool: string, store: LedgerStore, clock: Clock): Promise<Ingest> {
    return new Ingest(folder, spool, store, clock, await store.position(spool));
  }

  /** Up to where everything that was read is in the database. */
  get doneTo(): SpoolPosition {
    return this.#entries.length === 0 ? this.#readTo : this.#written;
  }

  get tornLines(): number {
    return this.#assembly.tornLines;
  }

  /** Takes over what is there, at most a batch; true where more is waiting. Rejects where the database does not answer: nothing is lost then. */
  async step(): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    if (this.#entries.length === 0) {
      for (const line of this.#reader.read()) {
        const entry = this.#assembly.take(line, nowMs);
        if (entry !== undefined) this.#entries.push(entry);
      }
      this.#entries.push(...this.#assembly.takeOpen(nowMs - longRunningMs));
      this.#readTo = this.#reader.position;
    }
    const wrote = await this.#write();
    return wrote || this.#entries.length > 0;
  }

  /** Takes the rest over; requests without an end are booked as `unknown`: their process has died. */
  async finish(): Promise<void> {
    while (await this.step());
    this.#entries.push(...this.#assembly.takeOpen(Infinity));
    while (this.#entries.length > 0) await this.#write();
  }

  /** Brings what was read from the system's memory to the disk. */
  sync(): void {
    this.#reader.sync();
  }

  close(): void {
    this.#reader.close();
  }

  async #write(): Promise<boolean> {
    const batch = this.#entries.slice(0, batchEntries);
    const isLast = batch.length === this.#entries.length;
    const position = isLast ? this.#assembly.resumeAt(this.#readTo) : this.#written;
    if (batch.length === 0 && isSame(position, this.#written)) return false;
    await this.#store.append({ spool: this.#spool, position, entries: batch });
    this.#entries = this.#entries.slice(batch.length);
    // The one before stays: after a power failure the database may have forgotten its last transactions.
    if (position.segment > this.#written.segment) deleteSegmentsBefore(this.#folder, position.segment - 1);
    this.#written = position;
    return batch.length > 0;
  }
}

function isSame(a: SpoolPosition, b: SpoolPosition): boolean {
  return a.segment === b.segment && a.offsetBytes === b.offsetBytes;
}
