// The ledger's thread: takes the spools over into the database, off the data plane's event loop.
import { closeSync, existsSync, openSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { systemClock } from '../lib/clock.ts';
import { tendThreadMemory } from '../lib/thread-memory.ts';
import type { LedgerStore, SpoolPosition } from '../storage/ledger-store.ts';
import { openLedgerStore } from '../storage/open-ledger-store.ts';
import { claimLeftSpool, claimSpool, listSpools, type Claim } from './claim.ts';
import { Housekeeping } from './housekeeping.ts';
import { Ingest } from './ingest.ts';
import type { LedgerThreadData, ToLedger, FromLedger } from './messages.ts';
import { reserveFile, SpoolTakenError } from './spool.ts';
import { TranscriptWriter } from './transcript-writer.ts';

const pollMs = 200;
/** Between two bites of housekeeping others come to the database, and to the processor. */
const betweenBitesMs = 20;
const syncToDiskMs = 1000;
const afterTroubleMs = 1000;
const adoptEveryMs = 60_000;
const adoptAgainAfterMs = 5000;
const reserveBytes = 8 << 20;
const reserveEveryMs = 5000;

/** The thread at work. */
class LedgerThread {
  readonly #port: MessagePort;
  readonly #root: string;
  readonly #own: Claim;
  readonly #ownName: string;
  readonly #store: LedgerStore;
  readonly #ingest: Ingest;
  readonly #housekeeping: Housekeeping;
  readonly #transcripts: TranscriptWriter;
  readonly #syncs: { readonly n: number; readonly to: SpoolPosition }[] = [];
  #closing: { readonly isWritten: boolean } | undefined;
  #wake = (): void => {};
  #toldTrouble: string | null = null;
  #toldNotAdopted: string | null = null;
  #takenOver: SpoolPosition = { segment: 0, offsetBytes: 0 };
  readonly #due = { adopt: 0, reserve: 0, disk: 0 };

  private constructor(
    port: MessagePort,
    { root, spool, retention }: LedgerThreadData,
    own: Claim,
    store: LedgerStore,
    ingest: Ingest,
  ) {
    this.#port = port;
    this.#root = root;
    this.#own = own;
    this.#ownName = spool;
    this.#store = store;
    this.#ingest = ingest;
    this.#transcripts = new TranscriptWriter(store);
    this.#housekeeping = new Housekeeping({
      clock: systemClock,
      open: () => store.openMaintenance(retention),
      onTrouble: (message) => this.#tell({ kind: 'untidy', message }),
    });
    port.on('message', (message: ToLedger) => this.#hear(message));
  }

  static async begin(port: MessagePort, data: LedgerThreadData): Promise<LedgerThread> {
    const store = await openLedgerStore(data.databaseUrl);
    const folder = join(data.root, data.spool);
    const own = claimSpool(folder);
    if (own === undefined) throw new SpoolTakenError(`the spool ${folder} belongs to another process`);
    const ingest = await Ingest.begin(folder, data.spool, store, systemClock);
    return new LedgerThread(port, data, own, store, ingest);
  }

  async run(): Promise<void> {
    this.#tell({ kind: 'started' });
    tendThreadMemory(systemClock);
    for (;;) {
      let isMoreDue = false;
      try {
        isMoreDue = await this.#work();
        this.#tellTrouble(null);
      } catch (error) {
        this.#tellTrouble((error as Error).message);
        if (this.#closing !== undefined) break;
        await this.#rest(afterTroubleMs);
        continue;
      }
      // In this order: who asks for all that is noted so far is answered when its transcripts are there, too.
      isMoreDue = (await this.#keepTranscripts()) || isMoreDue;
      this.#tellProgress();
      if (!isMoreDue && this.#closing !== undefined) break;
      const isBusy = isMoreDue || this.#syncs.length > 0;
      const isUntidy = !isBusy && (await this.#housekeeping.step());
      // Messages are heard between two rounds.
      await this.#rest(isBusy ? 0 : isUntidy ? betweenBitesMs : pollMs);
    }
    await this.#end();
  }

  /** One round; true where the next is due at once. */
  async #work(): Promise<boolean> {
    const nowMs = systemClock.nowMs();
    if (nowMs >= this.#due.reserve) {
      this.#due.reserve = nowMs + reserveEveryMs;
      this.#keepReserve();
    }
    if (nowMs >= this.#due.adopt) {
      this.#due.adopt = nowMs + adoptEveryMs;
      await this.#adoptAll();
    }
    const isMoreDue = await this.#ingest.step();
    if (nowMs >= this.#due.disk) {
      this.#due.disk = nowMs + syncToDiskMs;
      this.#ingest.sync();
    }
    return isMoreDue;
  }

  /** True where another batch is due at once. */
  async #keepTranscripts(): Promise<boolean> {
    const written = await this.#transcripts.step(systemClock.nowMs());
    if (written === undefined) return false;
    this.#tell({ kind: 'transcripts_arrived', ...written });
    return written.lost === 0 && !this.#transcripts.isEmpty;
  }

  /** Takes over what processes left that are no more. A spool that cannot be read keeps neither the others waiting nor our own. */
  async #adoptAll(): Promise<void> {
    const troubles: string[] = [];
    for (const name of listSpools(this.#root)) {
      if (name === this.#ownName) continue;
      try {
        await this.#adopt(name);
      } catch (error) {
        troubles.push(`${name}: ${(error as Error).message}`);
      }
    }
    const message = troubles.length === 0 ? null : troubles.join('; ');
    if (message !== null) this.#due.adopt = systemClock.nowMs() + adoptAgainAfterMs;
    if (message !== this.#toldNotAdopted) this.#tell({ kind: 'not_adopted', message });
    this.#toldNotAdopted = message;
  }

  async #adopt(name: string): Promise<void> {
    const claim = claimLeftSpool(join(this.#root, name));
    if (claim === undefined) return;
    try {
      const ingest = await Ingest.begin(claim.folder, name, this.#store, systemClock);
      try {
        await ingest.finish();
      } finally {
        ingest.close();
      }
      await this.#store.conclude(name, systemClock.nowMs());
      claim.remove();
    } finally {
      claim.release();
    }
  }

  #keepReserve(): void {
    const file = join(this.#own.folder, reserveFile);
    if (existsSync(file)) return;
    const { bavail, bsize } = statfsSync(this.#own.folder);
    if (bavail * bsize < 2 * reserveBytes) return;
    writeZeros(file);
    this.#tell({ kind: 'reserve_restored' });
  }

  #hear(message: ToLedger): void {
    if (message.kind === 'transcript') {
      // Its turn comes with the next round.
      this.#transcripts.take(message.transcript);
      return;
    }
    if (message.kind === 'sync') this.#syncs.push(message);
    else this.#closing = message;
    this.#wake();
  }

  #tellProgress(): void {
    const { doneTo } = this.#ingest;
    if (isBefore(this.#takenOver, doneTo)) {
      this.#takenOver = doneTo;
      this.#tell({ kind: 'taken_over', position: doneTo });
    }
    const done = this.#syncs.filter(({ to }) => !isBefore(doneTo, to));
    for (const sync of done) {
      this.#syncs.splice(this.#syncs.indexOf(sync), 1);
      this.#tell({ kind: 'synced', n: sync.n });
    }
  }

  #tellTrouble(message: string | null): void {
    if (message === this.#toldTrouble) return;
    this.#toldTrouble = message;
    this.#tell({ kind: 'trouble', message });
  }

  async #end(): Promise<void> {
    let isComplete = false;
    try {
      await this.#ingest.finish();
      this.#ingest.sync();
      isComplete = this.#closing?.isWritten === true;
      if (isComplete) await this.#store.conclude(this.#ownName, systemClock.nowMs());
    } catch {
      // What is not in the database yet stays in the spool for the next start.
    }
    while (!this.#transcripts.isEmpty && (await this.#transcripts.step(Infinity))?.lost === 0);
    this.#ingest.close();
    if (isComplete) this.#own.remove();
    else this.#own.release();
    await this.#housekeeping.close();
    await this.#store.close();
    this.#tell({ kind: 'closed' });
  }

  #rest(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (delayMs === 0) {
        setImmediate(resolve);
        return;
      }
      const timer = setTimeout(resolve, delayMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #tell(message: FromLedger): void {
    this.#port.postMessage(message);
  }
}

function writeZeros(file: string): void {
  const zeros = Buffer.alloc(64 << 10);
  const open = openSync(file, 'w', 0o600);
  try {
    for (let written = 0; written < reserveBytes; written += zeros.length) writeSync(open, zeros);
  } finally {
    closeSync(open);
  }
}

function isBefore(a: SpoolPosition, b: SpoolPosition): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offsetBytes < b.offsetBytes);
}

if (parentPort !== null) {
  const port = parentPort;
  LedgerThread.begin(port, workerData as LedgerThreadData).then(
    (thread) => thread.run(),
    (error: Error) =>
      port.postMessage({
        kind: 'failed',
        message: error.message,
        isTaken: error instanceof SpoolTakenError,
      } satisfies FromLedger),
  );
}
