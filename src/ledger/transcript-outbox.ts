// The data plane's end of the transcripts: hands them to the ledger's thread, and lets go of what would be too much.
import type { KeptBytes, Transcript } from '../core/transcript.ts';

/** So much may be on its way to the database, bytes. They are in memory alone: no file but the database ever has them. */
const onTheWayLimitBytes = 32 << 20;

/** What is counted for a transcript besides its texts. */
const overheadBytes = 1024;

/** Hands transcripts over. Never waits and never fails: a request is not worse off because it is kept. */
export class TranscriptOutbox {
  readonly #send: (transcript: Transcript, memory: ArrayBuffer[]) => void;
  #onTheWayBytes = 0;
  #lost = 0;

  constructor(send: (transcript: Transcript, memory: ArrayBuffer[]) => void) {
    this.#send = send;
  }

  /** Transcripts that were not kept because too many were on their way, or because the database did not take them. */
  get lost(): number {
    return this.#lost;
  }

  put(transcript: Transcript): void {
    const bytes = sizeOf(transcript);
    if (this.#onTheWayBytes + bytes > onTheWayLimitBytes) {
      this.#lost += 1;
      return;
    }
    this.#onTheWayBytes += bytes;
    const request = copied(transcript.request);
    const answer = transcript.answer === null ? null : copied(transcript.answer);
    const memory = [request, answer].flatMap((kept) => (kept === null ? [] : [kept.bytes.buffer]));
    this.#send({ ...transcript, request, answer }, memory);
  }

  /** Hears what has arrived: how many bytes, and how many transcripts of them the database did not take. */
  arrived(bytes: number, lost: number): void {
    this.#onTheWayBytes = Math.max(0, this.#onTheWayBytes - bytes);
    this.#lost += lost;
  }

  /** The thread is a new one: what was on its way to the last is gone. */
  restart(): void {
    this.#onTheWayBytes = 0;
  }
}

/** What a transcript counts, bytes. */
export function sizeOf({ request, answer }: Transcript): number {
  return overheadBytes + request.bytes.length + (answer?.bytes.length ?? 0);
}

/** In memory of its own: with a view, all that it looks at would go over. */
function copied<Kept extends KeptBytes>(kept: Kept): Kept & { readonly bytes: Uint8Array<ArrayBuffer> } {
  return { ...kept, bytes: new Uint8Array(kept.bytes) };
}
