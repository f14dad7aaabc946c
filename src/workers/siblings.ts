// The other workers of the same start, as one of them knows them: all it hears and says goes over its supervisor.
import cluster from 'node:cluster';
import type { MetricReport } from '../core/metric-report.ts';
import type { Clock } from '../lib/clock.ts';
import type { StoreLine } from '../shared-state/local/local-connection.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { SeatLine } from './seat-line.ts';

const lookEveryMs = 250;
/** The supervisor answers after a second at the latest. */
const longestGatheringMs = 3000;

/** What a worker lets the others know of itself. */
export interface OwnState {
  readonly report: () => Promise<readonly MetricReport[]>;
  readonly degraded: () => readonly string[];
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
  /** What the others have measured, those included that are gone; empty where the supervisor does not answer. */
  gather(own: readonly MetricReport[]): Promise<readonly (readonly MetricReport[])[]>;
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
      if (process.connected) process.send?.(message);
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
  readonly #gatherings = new Map<number, (reports: readonly (readonly MetricReport[])[]) => void>();
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
      channel.listen({
        heard(message) {
          if (message.kind === 'begin') {
            seat = new Seat(message, channel, clock, stop);
            resolve(seat);
          } else if (seat === undefined) {
            if (message.kind === 'stop') stop();
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

  gather(own: readonly MetricReport[]): Promise<readonly (readonly MetricReport[])[]> {
    this.#count += 1;
    const n = this.#count;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(longestGatheringMs, () => conclude([]));
      const conclude = (reports: readonly (readonly MetricReport[])[]): void => {
        cancel();
        this.#gatherings.delete(n);
        resolve(reports);
      };
      this.#gatherings.set(n, conclude);
      this.#channel.tell({ kind: 'gather', n, report: own });
    });
  }

  #hear(message: ToWorker): void {
    if (message.kind === 'announced') this.#announced.resolve();
    else if (message.kind === 'stop') {
      this.#stop();
      // Nothing will be announced any more.
      this.#announced.resolve();
    } else if (message.kind === 'gathered') this.#gatherings.get(message.n)?.(message.reports);
    else if (message.kind === 'answer') this.line.answered(message.n, message.reply);
    else if (message.kind === 'published') this.line.published(message.channel, message.message);
    else if (message.kind === 'others_degraded') this.#degraded = message.names;
    else if (message.kind === 'report') void this.#report(message.n);
  }

  async #report(n: number): Promise<void> {
    const report = (await this.#own?.report()) ?? [];
    this.#channel.tell({ kind: 'reported', n, report });
  }

  /** There is nobody to announce it any more. */
  #onLost(): void {
    this.#announced.resolve();
    this.line.lost();
    for (const conclude of this.#gatherings.values()) conclude([]);
  }
}
