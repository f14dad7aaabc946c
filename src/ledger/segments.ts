// The spool's files: numbered segments in a folder, written at the end of the last and read from the first on.
import { closeSync, fdatasyncSync, openSync, readdirSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { SpoolPosition } from '../storage/ledger-store.ts';

const lineFeed = 0x0a;
/** What is made of one bite is gone before the thread's young objects are collected twice; larger ones grow old for nothing. */
const readBytes = 32 << 10;
/** A line is a request's record: this bounds how much a damaged file can make a reader collect. */
const longestLineBytes = 16 << 20;

/** The file of a segment. */
export function segmentFile(folder: string, segment: number): string {
  return join(folder, `${String(segment).padStart(8, '0')}.log`);
}

/** The numbers of the segments in a folder, in order. */
export function listSegments(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d{8}\.log$/u.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

/** One line, with the place where it begins. */
export interface SpoolLine {
  readonly text: string;
  readonly position: SpoolPosition;
}

/** Reads whole lines from a place on, over the ends of segments, as far as they are written. */
export class SegmentReader {
  readonly #folder: string;
  #segment: number;
  #offset: number;
  #file: number | undefined;
  #buffer = Buffer.allocUnsafe(readBytes);
  #unsynced = false;

  constructor(folder: string, from: SpoolPosition) {
    this.#folder = folder;
    this.#segment = from.segment;
    this.#offset = from.offsetBytes;
  }

  /** Where the next line begins. */
  get position(): SpoolPosition {
    return { segment: this.#segment, offsetBytes: this.#offset };
  }

  /** The next whole lines, at most about 32 KiB; none where nothing new has been written. */
  read(): SpoolLine[] {
    let next: number | undefined;
    for (;;) {
      const file = this.#open();
      if (file === undefined) return [];
      const count = readSync(file, this.#buffer, 0, this.#buffer.length, this.#offset);
      const lines = this.#split(count);
      if (lines.length > 0) return lines;
      if (count === this.#buffer.length && count < longestLineBytes) {
        this.#buffer = Buffer.allocUnsafe(count * 2);
        continue;
      }
      if (next === undefined) {
        // Asked only here, and the segment is read again then: what is written to it is written before the next one exists.
        next = listSegments(this.#folder).find((segment) => segment > this.#segment);
        if (next === undefined) return [];
        continue;
      }
      // What is left of a segment that has a successor is a torn line.
      this.#leave(next);
      next = undefined;
    }
  }

  /** Brings what was read so far from the system's memory to the disk. */
  sync(): void {
    if (!this.#unsynced || this.#file === undefined) return;
    this.#unsynced = false;
    fdatasyncSync(this.#file);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): number | undefined {
    if (this.#file !== undefined) return this.#file;
    const segments = listSegments(this.#folder);
    if (!segments.includes(this.#segment)) {
      const next = segments.find((segment) => segment > this.#segment);
      if (next === undefined) return undefined;
      this.#segment = next;
      this.#offset = 0;
    }
    this.#file = openSync(segmentFile(this.#folder, this.#segment), 'r+');
    return this.#file;
  }

  #leave(next: number): void {
    this.sync();
    this.close();
    this.#segment = next;
    this.#offset = 0;
  }

  #split(count: number): SpoolLine[] {
    const lines: SpoolLine[] = [];
    let start = 0;
    for (;;) {
      const end = this.#buffer.subarray(0, count).indexOf(lineFeed, start);
      if (end === -1) break;
      const position = { segment: this.#segment, offsetBytes: this.#offset + start };
      if (end > start) lines.push({ text: this.#buffer.toString('utf8', start, end), position });
      start = end + 1;
    }
    this.#offset += start;
    if (start > 0) this.#unsynced = true;
    return lines;
  }
}

/** Deletes the segments before this one. */
export function deleteSegmentsBefore(folder: string, segment: number): void {
  for (const old of listSegments(folder)) if (old < segment) unlinkSync(segmentFile(folder, old));
}
