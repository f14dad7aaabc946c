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
  /** Options for Node.js itself, for a subject that runs on it: how a profile is taken. */
  readonly nodeOptions: readonly string[];
}

/** A subject that runs, ready for calls. */
export interface RunningSubject {
  readonly target: Target;
  /** All processes of it: their time and memory are its own. */
  readonly pids: readonly number[];
  /** From the start of the process until it said that it listens; undefined where nothing was started. */
  readonly coldStartMs: number | undefined;
  stop(): Promise<void>;
}

/** One row of the table of subjects. */
export interface Subject {
  /** As the report's column calls it. */
  readonly title: string;
  start(parts: SubjectParts): Promise<RunningSubject>;
}
