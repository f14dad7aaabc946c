// The supervisor: starts the workers, passes on the word to end, and starts again who ended without it.
import type { Clock } from '../lib/clock.ts';
import { LocalStore } from '../shared-state/local/local-store.ts';
import { Gathering } from './gathering.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { endsInRow, restartPauseMs } from './restart-pause.ts';
import { Rounds } from './rounds.ts';

/** A change is answered after so long at the latest, though a worker may not know of it yet. */
const reloadMs = 1000;

/** The ledger is read after so long at the latest, though a worker may not have booked all that it has noted. */
const syncMs = 1000;

/** A worker as the supervisor has it in hand. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  tell(message: ToWorker): void;
  /** Ends it at once. */
  kill(): void;
}

/** What the supervisor hears of a worker. */
export interface WorkerListener {
  heard(message: FromWorker): void;
  /** Called once. `error`: why it could not even begin. */
  ended(code: number | null, signal: string | null, error?: Error): void;
}

/** What the supervisor is made of. */
export interface SupervisorParts {
  readonly count: number;
  /** 0: the first worker chooses. */
  readonly port: number;
  readonly fork: (listener: WorkerListener) => WorkerProcess;
  readonly clock: Clock;
  /** Hears the URL once, when all workers serve. */
  readonly announce: (url: string) => void;
  readonly log: (level: 'info' | 'error', message: string, members: Readonly<Record<string, unknown>>) => void;
}

interface Seat {
  readonly number: number;
  process: WorkerProcess | undefined;
  isReady: boolean;
  startedAtMs: number;
  /** How often it has ended in a row. */
  ends: number;
  degraded: readonly string[];
  /** What it was told last of the others. */
  told: string;
  cancelRestart: () => void;
}

/** The workers of one start. */
export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #seats: readonly Seat[];
  readonly #gathering: Gathering;
  readonly #reloads: Rounds;
  readonly #syncs: Rounds;
  /** What the workers share where they have no Redis. */
  readonly #store: LocalStore;
  readonly #done = Promise.withResolvers<number>();
  #port: number;
  #isAnnounced = false;
  #isStopping = false;
  #exitCode = 0;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#port = parts.port;
    this.#seats = Array.from({ length: parts.count }, (_, i) => ({
      number: i + 1,
      process: undefined,
      isReady: false,
      startedAtMs: 0,
      ends: 0,
      degraded: [],
      told: '',
      cancelRestart: () => {},
    }));
    this.#store = new LocalStore(parts.clock);
    const tell = (number: number, message: ToWorker): void => this.#seats[number - 1]?.process?.tell(message);
    this.#gathering = new Gathering(parts.clock, (number, n) => tell(number, { kind: 'report', n }));
    this.#reloads = new Rounds(parts.clock, reloadMs, (number, n) => tell(number, { kind: 'reload', n }));
    this.#syncs = new Rounds(parts.clock, syncMs, (number, n) => tell(number, { kind: 'sync', n }));
  }

  /** Starts the workers, the first alone: it brings the database up to date. Resolves with the exit code when all have ended. */
  run(): Promise<number> {
    const [first] = this.#seats;
    if (first !== undefined) this.#start(first);
    return this.#done.promise;
  }

  /** Tells all to finish what runs and to end. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const { process, cancelRestart } of this.#seats) {
      cancelRestart();
      process?.tell({ kind: 'stop' });
    }
    this.#endIfAlone();
  }

  /** Ends all at once. */
  kill(): void {
    this.#isStopping = true;
    for (const { process } of this.#seats) process?.kill();
  }

  #start(seat: Seat): void {
    seat.startedAtMs = this.#parts.clock.nowMs();
    seat.process = this.#parts.fork({
      heard: (message) => this.#hear(seat, message),
      ended: (code, signal, error) => this.#onEnd(seat, code, signal, error),
    });
  }

  #hear(seat: Seat, message: FromWorker): void {
    const { number, process } = seat;
    if (message.kind === 'hello') process?.tell({ kind: 'begin', number, count: this.#parts.count, port: this.#port });
    else if (message.kind === 'ready') this.#onReady(seat, message.url);
    else if (message.kind === 'reloaded') this.#reloads.answered(number, message.n);
    else if (message.kind === 'synced') this.#syncs.answered(number, message.n);
    else if (message.kind === 'reported') this.#gathering.reported(number, message.n, message.report);
    else if (message.kind === 'degraded') {
      seat.degraded = message.names;
      this.#tellDegraded();
    } else if (message.kind === 'ask') {
      const reply = this.#store.run(message.script, message.keys, message.values);
      process?.tell({ kind: 'answer', n: message.n, reply });
    } else if (message.kind === 'publish') {
      const { channel, message: text } = message;
      for (const other of this.#seats)
        if (other !== seat) other.process?.tell({ kind: 'published', channel, message: text });
    } else {
      const others = this.#othersOf(seat);
      if (message.kind === 'changed') {
        this.#reloads.begin(others, () => process?.tell({ kind: 'all_reloaded', n: message.n }));
        return;
      }
      if (message.kind === 'sync_others') {
        this.#syncs.begin(others, () => process?.tell({ kind: 'others_synced', n: message.n }));
        return;
      }
      this.#gathering.begin(number, message.report, others, (reports) =>
        process?.tell({ kind: 'gathered', n: message.n, reports }),
      );
    }
  }

  /** The numbers of all others that serve. */
  #othersOf(seat: Seat): number[] {
    return this.#seats.filter((other) => other.isReady && other !== seat).map(({ number }) => number);
  }

  #onReady(seat: Seat, url: string): void {
    seat.isReady = true;
    this.#port = Number(new URL(url).port || 80);
    if (this.#isAnnounced) {
      seat.process?.tell({ kind: 'announced' });
      this.#parts.log('info', 'the worker serves again', { worker: seat.number, pid: seat.process?.pid });
      this.#tellDegraded();
      return;
    }
    if (this.#isStopping) return;
    for (const other of this.#seats) if (other.process === undefined) this.#start(other);
    if (!this.#seats.every(({ isReady }) => isReady)) return;
    this.#isAnnounced = true;
    this.#parts.announce(url);
    for (const { process } of this.#seats) process?.tell({ kind: 'announced' });
  }

  #onEnd(seat: Seat, code: number | null, signal: string | null, error: Error | undefined): void {
    const { pid } = seat.process ?? {};
    seat.process = undefined;
    seat.isReady = false;
    seat.degraded = [];
    seat.told = '';
    this.#gathering.ended(seat.number);
    this.#reloads.ended(seat.number);
    this.#syncs.ended(seat.number);
    const why = error && { error: error.message };
    if (this.#isStopping || !this.#isAnnounced) {
      if (why !== undefined) this.#parts.log('error', 'a worker cannot be started', { worker: seat.number, ...why });
      // Who ends unasked before all serve cannot start, and has said why.
      // A service manager's SIGTERM goes to all at once, and to one that has not begun to listen for it.
      const failure = this.#isStopping ? (code ?? (signal === 'SIGTERM' ? 0 : 1)) : code || 1;
      if (this.#exitCode === 0) this.#exitCode = failure;
      this.stop();
      this.#endIfAlone();
      return;
    }
    seat.ends = endsInRow(seat.ends, this.#parts.clock.nowMs() - seat.startedAtMs);
    const pauseMs = restartPauseMs(seat.ends);
    this.#parts.log('error', 'a worker ended and is started again', {
      worker: seat.number,
      pid,
      exit_code: code,
      signal,
      ...why,
      restart_in_ms: pauseMs,
    });
    seat.cancelRestart = this.#parts.clock.after(pauseMs, () => this.#start(seat));
    this.#tellDegraded();
  }

  #endIfAlone(): void {
    if (this.#seats.every(({ process }) => process === undefined)) this.#done.resolve(this.#exitCode);
  }

  /** Each is told what does not work at the others; that one is missing counts too. */
  #tellDegraded(): void {
    if (!this.#isAnnounced) return;
    for (const seat of this.#seats) {
      if (!seat.isReady) continue;
      const others = this.#seats.filter((other) => other !== seat);
      const names = new Set(others.flatMap(({ degraded }) => degraded));
      if (!others.every(({ isReady }) => isReady)) names.add('workers');
      const told = [...names].sort().join(' ');
      if (told === seat.told) continue;
      seat.told = told;
      seat.process?.tell({ kind: 'others_degraded', names: [...names] });
    }
  }
}
