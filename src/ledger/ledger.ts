// The ledger as the data plane knows it: notes intents and ends at once, and leaves the rest to its thread.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { GatewayError } from '../core/errors.ts';
import type { Intent, RequestRecord } from '../core/record.ts';
import { StartError } from '../core/start-error.ts';
import type { Transcript } from '../core/transcript.ts';
import type { Clock } from '../lib/clock.ts';
import { newId } from '../lib/id.ts';
import type { Retention } from '../storage/ledger-maintenance.ts';
import type { SpoolPosition } from '../storage/ledger-store.ts';
import { makeFolder } from '../lib/make-folder.ts';
import type { FromLedger, LedgerThreadData, ToLedger } from './messages.ts';
import { diskTrouble, Spool, SpoolFullError, SpoolTakenError } from './spool.ts';
import { TranscriptOutbox } from './transcript-outbox.ts';
import type { ledgerWords } from './words.ts';

/** The end waits so long for the database at most; what is left then is taken over at the next start. */
const closeTimeoutMs = 10_000;
const fullRetryAfterMs = 5000;
const restartAfterMs = 1000;
/** A gateway that starts at the same moment may hold a spool that is being made for one that was left behind. */
const spoolTries = 5;
/** What the thread makes of one batch is gone with the next: more would only be memory. */
const threadYoungMb = 6;

/** How the ledger is doing. */
export interface LedgerStatus {
  /** Written to the spool and not in the database yet. */
  readonly waitingBytes: number;
  /** Ends of requests that were lost because neither disk nor memory could hold them. */
  readonly lostLines: number;
  /** Transcripts that were not kept. */
  readonly lostTranscripts: number;
  /** The disk of the spool is full or broken. */
  readonly isSpoolInTrouble: boolean;
  /** The database takes nothing. */
  readonly isDatabaseAway: boolean;
}

/** Every attempt on record before its bytes leave, every request when it is over. */
export interface Ledger {
  /** The name of its spool: that of this process in the database. */
  readonly spool: string;
  /** Notes that the record's last attempt is about to begin; throws a `GatewayError` where that cannot be noted. */
  intend(record: RequestRecord): Intent;
  /** Notes a request that is over. */
  settle(record: RequestRecord): void;
  /** Hands a transcript on; it is written when its turn comes, and let go where that would be too much. */
  keep(transcript: Transcript): void;
  /** Resolves when everything noted so far is in the database. */
  sync(): Promise<void>;
  status(): LedgerStatus;
  close(): Promise<void>;
}

/** What a ledger is made of. */
export interface LedgerParts {
  /** `sqlite:FILE`, or `postgres://…` with its password. */
  readonly databaseUrl: string;
  /** The folder of the spools; it is made where it is missing. */
  readonly root: string;
  readonly clock: Clock;
  /** How long rows are kept. */
  readonly retention: Retention;
  /** Hears when the spool or the database takes no more, or cannot be tidied or taken over, and when they do again. */
  readonly onTrouble: (where: keyof typeof ledgerWords, trouble: string | undefined) => void;
}

/** Opens the ledger; rejects with a `StartError` where its thread cannot open the database or the spool. */
export async function openLedger(parts: LedgerParts): Promise<Ledger> {
  try {
    makeFolder(parts.root);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(
      `the folder ${parts.root} cannot be made (${code}); check what is in its place, and its rights`,
    );
  }
  for (let left = spoolTries - 1; ; left -= 1) {
    const data: LedgerThreadData = {
      databaseUrl: parts.databaseUrl,
      root: parts.root,
      spool: newId('spool', parts.clock.nowMs()),
      retention: parts.retention,
    };
    try {
      return new ThreadedLedger(parts, data, await startThread(data));
    } catch (error) {
      if (!(error instanceof SpoolTakenError) || left === 0) throw error;
    }
  }
}

/** Resolves when the thread has its spool and the database. */
async function startThread(data: LedgerThreadData): Promise<Worker> {
  const source = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);
  const worker = new Worker(source, {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: threadYoungMb },
  });
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the thread of the ledger ended before it had begun')));
    worker.once('message', (message: FromLedger) => {
      if (message.kind !== 'failed') resolve();
      else if (message.isTaken) reject(new SpoolTakenError(message.message));
      else reject(new StartError(`the ledger cannot begin: ${message.message}`));
    });
  }).catch(async (error: unknown) => {
    // What it holds by now, the next one could not have.
    await worker.terminate();
    throw error;
  });
  worker.unref();
  return worker;
}

/** Who was not let in leaves no row: else anybody could fill the disk. Listing models, or what is nowhere, is no call of a model. */
function belongsInLedger({ endpoint, errorCode }: RequestRecord): boolean {
  return endpoint !== 'models' && endpoint !== 'other' && errorCode !== 'invalid_client_key';
}

function notNoted(cause: unknown): GatewayError {
  return new GatewayError(
    'storage_unavailable',
    'The gateway cannot note this request in its ledger, and sends nothing that is not noted; try again later.',
    { cause, retryAfterMs: fullRetryAfterMs },
  );
}

class ThreadedLedger implements Ledger {
  readonly spool: string;
  readonly #parts: LedgerParts;
  readonly #data: LedgerThreadData;
  #worker: Worker;
  readonly #spool: Spool;
  readonly #outbox = new TranscriptOutbox((transcript, memory) =>
    this.#send({ kind: 'transcript', transcript }, memory),
  );
  readonly #syncs = new Map<number, { readonly to: SpoolPosition; readonly resolve: () => void }>();
  #syncCount = 0;
  #isDatabaseAway = false;
  #isThreadGone = false;
  #isClosing = false;
  #onClosed = (): void => {};

  constructor(parts: LedgerParts, data: LedgerThreadData, worker: Worker) {
    this.#parts = parts;
    this.#data = data;
    this.spool = data.spool;
    this.#worker = worker;
    this.#spool = new Spool(join(data.root, data.spool), parts.clock, (error) =>
      parts.onTrouble('spool', error === undefined ? undefined : (error as Error).message),
    );
    this.#listen(worker);
  }

  intend(record: RequestRecord): Intent {
    let n: number;
    try {
      n = this.#spool.intend(record);
    } catch (error) {
      throw error instanceof SpoolFullError ? notNoted(error) : error;
    }
    return () => (this.#spool.holds(n) ? undefined : notNoted(diskTrouble()));
  }

  settle(record: RequestRecord): void {
    if (!belongsInLedger(record)) return;
    this.#spool.settle(record);
  }

  keep(transcript: Transcript): void {
    this.#outbox.put(transcript);
  }

  sync(): Promise<void> {
    const to = this.#spool.flush();
    this.#syncCount += 1;
    const n = this.#syncCount;
    return new Promise((resolve) => {
      this.#syncs.set(n, { to, resolve });
      this.#send({ kind: 'sync', n, to });
    });
  }

  status(): LedgerStatus {
    return {
      waitingBytes: this.#spool.waitingBytes,
      lostLines: this.#spool.lostLines,
      lostTranscripts: this.#outbox.lost,
      isSpoolInTrouble: this.#spool.isInTrouble,
      isDatabaseAway: this.#isDatabaseAway,
    };
  }

  async close(): Promise<void> {
    const isWritten = this.#spool.close();
    this.#isClosing = true;
    this.#worker.ref();
    await new Promise<void>((resolve) => {
      this.#onClosed = resolve;
      setTimeout(resolve, closeTimeoutMs).unref();
      // What a thread has left that is no more is taken over at the next start.
      if (this.#isThreadGone) resolve();
      else this.#send({ kind: 'close', isWritten });
    });
    await this.#worker.terminate();
  }

  #listen(worker: Worker): void {
    worker.on('message', (message: FromLedger) => this.#hear(message));
    worker.on('error', (error: Error) => this.#tellTrouble(`the ledger's thread failed: ${error.message}`));
    worker.once('exit', () => this.#onExit());
  }

  /** The spool goes on without its thread, and a new one takes over where the database stands. */
  #onExit(): void {
    if (this.#isClosing) {
      this.#onClosed();
      return;
    }
    this.#isThreadGone = true;
    this.#parts.clock.after(restartAfterMs, () => {
      startThread(this.#data).then(
        (worker) => this.#goOnWith(worker),
        (error: Error) => {
          this.#tellTrouble(error.message);
          this.#onExit();
        },
      );
    });
  }

  #goOnWith(worker: Worker): void {
    if (this.#isClosing) {
      void worker.terminate();
      return;
    }
    this.#worker = worker;
    this.#isThreadGone = false;
    this.#outbox.restart();
    this.#listen(worker);
    for (const [n, { to }] of this.#syncs) this.#send({ kind: 'sync', n, to });
    this.#tellTrouble(null);
  }

  #send(message: ToLedger, memory: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, memory);
  }

  #hear(message: FromLedger): void {
    const { kind } = message;
    if (kind === 'taken_over') this.#spool.takenOver(message.position);
    else if (kind === 'transcripts_arrived') this.#outbox.arrived(message.bytes, message.lost);
    else if (kind === 'reserve_restored') this.#spool.reserveRestored();
    else if (kind === 'trouble') this.#tellTrouble(message.message);
    else if (kind === 'not_adopted') this.#parts.onTrouble('left', message.message ?? undefined);
    else if (kind === 'untidy') this.#parts.onTrouble('tidying', message.message ?? undefined);
    else if (kind === 'closed') this.#onClosed();
    else if (kind === 'synced') {
      this.#syncs.get(message.n)?.resolve();
      this.#syncs.delete(message.n);
    }
  }

  #tellTrouble(message: string | null): void {
    this.#isDatabaseAway = message !== null;
    this.#parts.onTrouble('database', message ?? undefined);
  }
}
