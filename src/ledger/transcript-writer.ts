// The thread's end of the transcripts: writes them in small batches; one that the database keeps refusing is let go.
import type { Transcript } from '../core/transcript.ts';
import type { LedgerStore } from '../storage/ledger-store.ts';
import { sizeOf } from './transcript-outbox.ts';
import { transcriptRow } from './transcript-row.ts';

const batchLength = 50;
const triesOfBatch = 5;
const tryAgainAfterMs = 1000;

/** What became of a batch. */
export interface WrittenTranscripts {
  readonly bytes: number;
  /** How many of them the database did not take. */
  readonly lost: number;
}

/** Transcripts on their way into the database. */
export class TranscriptWriter {
  readonly #store: Pick<LedgerStore, 'keepTranscripts'>;
  #waiting: Transcript[] = [];
  #failures = 0;
  #dueMs = 0;

  constructor(store: Pick<LedgerStore, 'keepTranscripts'>) {
    this.#store = store;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  take(transcript: Transcript): void {
    this.#waiting.push(transcript);
  }

  /** Writes a batch; undefined where none is due, or it shall be tried again. Never rejects. */
  async step(nowMs: number): Promise<WrittenTranscripts | undefined> {
    if (this.isEmpty || nowMs < this.#dueMs) return undefined;
    const batch = this.#waiting.slice(0, batchLength);
    let isKept = true;
    try {
      await this.#store.keepTranscripts(batch.map(transcriptRow));
    } catch {
      isKept = false;
      this.#failures += 1;
      this.#dueMs = nowMs + tryAgainAfterMs;
      if (this.#failures < triesOfBatch) return undefined;
    }
    this.#failures = 0;
    this.#waiting = this.#waiting.slice(batch.length);
    const bytes = batch.reduce((sum, transcript) => sum + sizeOf(transcript), 0);
    return { bytes, lost: isKept ? 0 : batch.length };
  }
}
