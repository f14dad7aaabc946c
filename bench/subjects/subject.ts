// What is measured: a program between client and upstream, started as its user would start it.
import type { Target } from '../job.ts';

/** What a subject is started with. */
export interface SubjectParts {
  /** The upstream's origin, such as `http://127.0.0.1:9000`. */
  readonly upstream: string;
  /** Its port alone. */
  readonly upstreamPort: number;
  /** An empty folder of its own, removed after the run. */
  readonly folder: string;
  /** Where peers are installed. */
  readonly cacheFolder: string;
  /** Options for Node.js itself, for the gateway: how a profile is taken. */
  readonly nodeOptions: readonly string[];
}

/** A subject that runs, ready for calls. */
export interface RunningSubject {
  readonly target: Target;
  /** Its processes: their time and memory are its own, and that of all that they start. */
  readonly pids: readonly number[];
  /** From the start of the process until it served; undefined where nothing was started. */
  readonly coldStartMs: number | undefined;
  stop(): Promise<void>;
}

/** One row of the table of subjects. */
export interface Subject {
  /** As the report's column calls it. */
  readonly title: string;
  /** A peer that fails a lane is reported so; where the gateway itself fails one, the whole run fails. */
  readonly isPeer: boolean;
  /** Its windows are this many times as long, so that enough answers fall into them. */
  readonly slowness?: number;
  /** The version that is installed, undefined where none is; left out where the subject is part of the project. */
  readonly version?: (cacheFolder: string) => string | undefined;
  start(parts: SubjectParts): Promise<RunningSubject>;
}
