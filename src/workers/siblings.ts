// The other workers of the same start, as one of them knows them: all it hears and says goes over its supervisor.
import cluster from 'node:cluster';
import type { MetricReport } from '../core/metric-report.ts';
import type { Clock } from '../lib/clock.ts';
import type { StoreLine } from '../shared-state/local/local-connection.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { SeatLine } from './seat-line.ts';

const lookEveryMs = 250;
/** The supervisor answers after a second at the latest. */
const longestMs = 3000;

/** What a worker lets the others know of itself. */
export interface OwnState {
  readonly report: () => Promise<readonly MetricReport[]>;
  readonly degraded: () => readonly string[];
  /** Reads the configuration anew. */
  readonly reload: () => Promise<unknown>;
  /** Resolves when all that was noted here is in the database. */
  readonly sync: () => Promise<void>;
}

/** The others. */
export interface Siblings {
  /** This worker's number, from 1. */
  readonly number: number;
  /** How many workers there are to be, this one included. */
  readonly count: number;
  /** What does not work at the others. */
  readonly degraded: readonly string[];
  /** The line to what all share where they have no Redis. */
  readonly line: StoreLine;
  /** Lets the others know of this worker from now on. */
  present(own: OwnState): void;
  /** Has the others read the configuration anew; resolves when they have, or after a while. */
  changed(): Promise<void>;
  /** Has the others bring what they have noted into the database; resolves when they have, or after a while. */
  sync(): Promise<void>;
  /** What the others have measured, those included that are gone; empty where the supervisor does not answer. */
  gather(own: readonly MetricReport[]): Promise<readonly (readonly MetricReport[])[]>;
}

/** The configuration of a worker: what is read anew because it was changed here, the others read anew too. */
export function withSiblings<Watch extends { reload(): Promise<void> }>(
  watch: Watch,
  siblings: Siblings | undefined,
): Watch {
  if (siblings === undefined) return watch;
  return { ...watch, reload: () => watch.reload().then(() => siblings.changed()) };
}

/** What the ledger of a worker holds, and what those of the others do: the management API reads them as one. */
export function syncedWithSiblings(sync: () => Promise<void>, siblings: Siblings | undefined): () => Promise<void> {
  return siblings === undefined ? sync : () => Promise.all([sync(), siblings.sync()]).then(() => undefined);
}

/** The supervisor as a worker knows it. */
export interface Channel {
  tell(message: FromWorker): void;
  /** Tells all that comes, from now on. */
  listen(listener: { heard(message: ToWorker): void; lost(): void }): void;
  close(): void;
}

/** The channel that this process was started with. */
export function openChannel(): Channel {
  return {
    tell: (message) => {
      // A supervisor that was killed just now still looks connected. Without somebody who hears of it, the error is thrown.
      if (process.connected) process.send?.(message, () => {});
    },
    listen(listener) {
      process.on('message', (message: ToWorker) => listener.heard(message));
      const { worker } = cluster;
      worker?.once('disconnect', () => {
        // Otherwise node:cluster ends the process right after this, with all that runs in it.
        worker.exitedAfterDisconnect = true;
        listener.lost();
      });
    },
    close: () => {
      if (process.connected) process.disconnect?.();
    },
  };
}

/** A worker's place beside the others. */
export class Seat implements Siblings {
  readonly number: number;
  readonly count: number;
  /** Where to listen. */
  readonly port: number;
  readonly line: SeatLine;
  readonly #channel: Channel;
  readonly #clock: Clock;
  /** What the supervisor was asked and has not answered. */
  readonly #asked = new Map<number, (reports: readonly (readonly MetricReport[])[]) => void>();
  readonly #announced = Promise.withResolvers<void>();
  readonly #stop: () => void;
  #count = 0;
  #degraded: readonly string[] = [];
  #own: OwnState | undefined;

  private constructor(
    { number, count, port }: ToWorker & { kind: 'begin' },
    channel: Channel,
    clock: Clock,
    stop: () => void,
  ) {
    this.number = number;
    this.count = count;
    this.port = port;
    this.#channel = channel;
    this.line = new SeatLine((message) => channel.tell(message));
    this.#clock = clock;
    this.#stop = stop;
  }

  /** Waits for the first word of the supervisor. `stop` is called when the worker is to end, perhaps more than once. */
  static take(channel: Channel, clock: Clock, stop: () => void): Promise<Seat> {
    return new Promise((resolve) => {
      let seat: Seat | undefined;
      let isOver = false;
      channel.listen({
        heard(message) {
          if (message.kind === 'begin') {
            seat = new Seat(message, channel, clock, stop);
            // Told to end before it began: nothing will be announced any more.
            if (isOver) seat.#announced.resolve();
            resolve(seat);
          } else if (seat === undefined) {
            if (message.kind !== 'stop') return;
            isOver = true;
            stop();
          } else seat.#hear(message);
        },
        lost() {
          if (seat !== undefined) seat.#onLost();
          stop();
        },
      });
      channel.tell({ kind: 'hello' });
    });
  }

  get degraded(): readonly string[] {
    return this.#degraded;
  }

  /** Says that this worker serves; resolves when the start has been announced. */
  ready(url: string): Promise<void> {
    this.#channel.tell({ kind: 'ready', url });
    return this.#announced.promise;
  }

  present(own: OwnState): void {
    this.#own = own;
    let told = '';
    const look = (): void => {
      const names = own.degraded();
      const text = names.join(' ');
      if (text !== told) this.#channel.tell({ kind: 'degraded', names });
      told = text;
      this.#clock.after(lookEveryMs, look);
    };
    look();
  }

  async changed(): Promise<void> {
    await this.#ask((n) => ({ kind: 'changed', n }));
  }

  async sync(): Promise<void> {
    await this.#ask((n) => ({ kind: 'sync_others', n }));
  }

  gather(own: readonly MetricReport[]): Promise<readonly (readonly MetricReport[])[]> {
    return this.#ask((n) => ({ kind: 'gather', n, report: own }));
  }

  /** Empty where there is no answer, or none in time. */
  #ask(message: (n: number) => FromWorker): Promise<readonly (readonly MetricReport[])[]> {
    this.#count += 1;
    const n = this.#count;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(longestMs, () => conclude([]));
      const conclude = (reports: readonly (readonly MetricReport[])[]): void => {
        cancel();
        this.#asked.delete(n);
        resolve(reports);
      };
      this.#asked.set(n, conclude);
      this.#channel.tell(message(n));
    });
  }

  #hear(message: ToWorker): void {
    if (message.kind === 'announced') this.#announced.resolve();
    else if (message.kind === 'stop') {
      this.#stop();
      // Nothing will be announced any more.
      this.#announced.resolve();
    } else if (message.kind === 'gathered') this.#asked.get(message.n)?.(message.reports);
    else if (message.kind === 'all_reloaded' || message.kind === 'others_synced') this.#asked.get(message.n)?.([]);
    else if (message.kind === 'reload') void this.#reload(message.n);
    else if (message.kind === 'sync') void this.#sync(message.n);
    else if (message.kind === 'answer') this.line.answered(message.n, message.reply);
    else if (message.kind === 'published') this.line.published(message.channel, message.message);
    else if (message.kind === 'others_degraded') this.#degraded = message.names;
    else if (message.kind === 'report') void this.#report(message.n);
  }

  async #report(n: number): Promise<void> {
    const report = (await this.#own?.report()) ?? [];
    this.#channel.tell({ kind: 'reported', n, report });
  }

  async #reload(n: number): Promise<void> {
    try {
      await this.#own?.reload();
    } catch {
      // The watch tells of a database that is away, and reads the change when it is back.
    }
    this.#channel.tell({ kind: 'reloaded', n });
  }

  async #sync(n: number): Promise<void> {
    await this.#own?.sync();
    this.#channel.tell({ kind: 'synced', n });
  }

  /** There is nobody to announce it any more. */
  #onLost(): void {
    this.#announced.resolve();
    this.line.lost();
    for (const conclude of this.#asked.values()) conclude([]);
  }
}
