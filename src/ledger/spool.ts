// The spool: the ledger's first resting place, a file that outlives the process. Written by the data plane itself.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestRecord } from '../core/record.ts';
import { TextBytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { SpoolPosition } from '../storage/ledger-store.ts';
import { encodeLine } from './lines.ts';
import { segmentFile } from './segments.ts';

/** Lines that nobody asks for wait so long for company; then they are written. What a killed process can lose is these. */
const flushAfterMs = 20;
const flushAboveCharacters = 32 * 1024;
const retryAfterMs = 1000;

/** Sizes in bytes. */
export interface SpoolLimits {
  readonly segmentBytes: number;
  /** What may wait for the database. */
  readonly totalBytes: number;
  /** Ends of requests that may wait in memory for a disk that takes nothing. */
  readonly memoryCharacters: number;
}

export const usualLimits: SpoolLimits = {
  segmentBytes: 16 << 20,
  totalBytes: 1 << 30,
  memoryCharacters: 64 << 20,
};

/** A file of zeros beside the segments: deleted when the disk is full, it makes room for what is under way. */
export const reserveFile = 'reserve';

/** The spool takes no more. */
export class SpoolFullError extends Error {
  override readonly name = 'SpoolFullError';
}

/** A spool cannot be had, because another process has it: one that starts at the same moment may take a new one for left behind. */
export class SpoolTakenError extends Error {
  override readonly name = 'SpoolTakenError';
}

/** The disk takes nothing, not even what was kept in reserve. */
export function diskTrouble(): SpoolFullError {
  return new SpoolFullError('the disk of the spool takes no more');
}

/** Writes one spool. A line of an intent is in the operating system's hands when `holds` says so. */
export class Spool {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #limits: SpoolLimits;
  readonly #onTrouble: (error: unknown) => void;
  #file: number;
  #segment = 1;
  #offset = 0;
  /** Segment → bytes in all segments before it. */
  readonly #starts = new Map([[1, 0]]);
  #takenOverBytes = 0;
  /** Lines that are not written yet. */
  #waiting = '';
  readonly #bytes = new TextBytes();
  /** Intents taken so far, and how many of them are written. */
  #intents = 0;
  #intentsWritten = 0;
  #cancelFlush: (() => void) | undefined;
  /** The last write ended inside a line. */
  #isTorn = false;
  #isStuck = false;
  #hasReserve = true;
  #toldTrouble = false;
  #lostLines = 0;

  /** `onTrouble` hears when the disk is full or takes no more, and with undefined when all is well again. */
  constructor(folder: string, clock: Clock, onTrouble: (error: unknown) => void, limits: SpoolLimits = usualLimits) {
    this.#folder = folder;
    this.#clock = clock;
    this.#limits = limits;
    this.#onTrouble = onTrouble;
    this.#file = openSync(segmentFile(folder, this.#segment), 'a', 0o600);
  }

  /** Bytes that are written and not in the database yet. */
  get waitingBytes(): number {
    return (this.#starts.get(this.#segment) ?? 0) + this.#offset - this.#takenOverBytes;
  }

  /** The disk takes no more, or only what was kept in reserve. */
  get isInTrouble(): boolean {
    return this.#toldTrouble;
  }

  /** Ends of requests that neither the disk nor the memory could hold. */
  get lostLines(): number {
    return this.#lostLines;
  }

  /**
   * Notes that an attempt is about to begin; the number that `holds` is to be asked for before the attempt's bytes
   * leave. Throws a `SpoolFullError` where the attempt cannot be noted.
   */
  intend(record: RequestRecord): number {
    if (this.waitingBytes > this.#limits.totalBytes)
      throw new SpoolFullError('the database has not answered for so long that the spool is full');
    const line = encodeLine('intent', record);
    this.#waiting += line;
    if (this.#isStuck && !this.#flush()) {
      // The attempt will not be made: those before it must be kept, its own line need not.
      this.#waiting = this.#waiting.slice(0, -line.length);
      this.#arm(retryAfterMs);
      throw diskTrouble();
    }
    this.#arm(flushAfterMs);
    this.#intents += 1;
    return this.#intents;
  }

  /**
   * Whether an intent is written. What waits is written for it: all intents of a turn of the event loop at once, when
   * the first of their attempts is about to leave. After a no the attempt must not be made, though its line may be
   * written later; the end of its request follows it.
   */
  holds(intent: number): boolean {
    if (intent > this.#intentsWritten && !this.#flush()) this.#arm(retryAfterMs);
    return intent <= this.#intentsWritten;
  }

  /** Notes the end of a request; it is written within 20 ms. */
  settle(record: RequestRecord): void {
    if (this.#waiting.length > this.#limits.memoryCharacters) {
      this.#lostLines += 1;
      return;
    }
    this.#waiting += encodeLine('over', record);
    if (this.#waiting.length > flushAboveCharacters && !this.#isStuck) this.#flush();
    else this.#arm(flushAfterMs);
  }

  /** Writes what waits; the place up to which the spool reaches then. */
  flush(): SpoolPosition {
    this.#flush();
    return { segment: this.#segment, offsetBytes: this.#offset };
  }

  /** Hears up to where the spool is in the database. */
  takenOver({ segment, offsetBytes }: SpoolPosition): void {
    this.#takenOverBytes = (this.#starts.get(segment) ?? 0) + offsetBytes;
    for (const old of this.#starts.keys()) if (old < segment) this.#starts.delete(old);
  }

  /** Hears that the disk has room again and the reserve is there. */
  reserveRestored(): void {
    this.#hasReserve = true;
    this.#tell(undefined);
  }

  /** Writes what waits and closes the file; false where something could not be written. */
  close(): boolean {
    this.#cancelFlush?.();
    const isWritten = this.#flush();
    closeSync(this.#file);
    return isWritten;
  }

  #arm(delayMs: number): void {
    if (this.#waiting !== '') this.#cancelFlush ??= this.#clock.after(delayMs, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#cancelFlush = undefined;
    if (!this.#flush()) this.#arm(retryAfterMs);
  };

  #flush(): boolean {
    if (this.#waiting === '') {
      this.#intentsWritten = this.#intents;
      return true;
    }
    const bytes = this.#bytes.of(this.#isTorn ? `\n${this.#waiting}` : this.#waiting);
    const written = this.#write(bytes);
    this.#offset += written;
    if (written < bytes.length) {
      // A torn line is skipped by the reader; it comes again as a whole.
      if (written > 0) this.#isTorn = true;
      this.#waiting = unwritten(bytes, written, this.#waiting);
      return false;
    }
    this.#isTorn = false;
    this.#waiting = '';
    this.#intentsWritten = this.#intents;
    if (this.#offset >= this.#limits.segmentBytes) this.#openNext();
    return true;
  }

  /** Writes as much as the disk takes; the number of bytes. */
  #write(bytes: Uint8Array): number {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.#file, bytes, written);
      } catch (error) {
        this.#tell(error);
        if (this.#freeReserve()) continue;
        this.#isStuck = true;
        return written;
      }
    }
    this.#isStuck = false;
    this.#tell(undefined);
    return written;
  }

  #freeReserve(): boolean {
    if (!this.#hasReserve) return false;
    this.#hasReserve = false;
    rmSync(join(this.#folder, reserveFile), { force: true });
    return true;
  }

  #tell(trouble: unknown): void {
    const isTrouble = trouble !== undefined;
    if (isTrouble === this.#toldTrouble || (!isTrouble && !this.#hasReserve)) return;
    this.#toldTrouble = isTrouble;
    this.#onTrouble(trouble);
  }

  #openNext(): void {
    let next: number;
    try {
      next = openSync(segmentFile(this.#folder, this.#segment + 1), 'a', 0o600);
    } catch {
      // No room for another file: this one goes on.
      return;
    }
    closeSync(this.#file);
    this.#file = next;
    const start = (this.#starts.get(this.#segment) ?? 0) + this.#offset;
    this.#segment += 1;
    this.#offset = 0;
    this.#starts.set(this.#segment, start);
  }
}

/** The lines that are not whole on disk. */
function unwritten(bytes: Buffer, written: number, all: string): string {
  if (written === 0) return all;
  const start = bytes.lastIndexOf(0x0a, written - 1) + 1;
  return bytes.toString('utf8', start);
}
