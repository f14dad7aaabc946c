// What the load generator is asked to do, and what it reports.

/** Where calls go, and what may come back. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Where streams are asked for, if that is another path. */
  readonly streamPath?: string;
  /** What the clients send as their keys, one after another. */
  readonly keys: readonly string[];
  /** Header lines that it needs besides those of OpenAI's client. */
  readonly headers?: readonly string[];
  /** Stands before the upstream's name of a model, where the target wants it so (`openai/`); else empty. */
  readonly modelPrefix: string;
  /** The body must be the upstream's to the byte; else what the model has said must be whole, and the end the same. */
  readonly isVerbatim: boolean;
}

/** Processes whose time on the processors is counted, with all that they have started. */
export interface Watched {
  readonly subject: readonly number[];
  readonly upstream: readonly number[];
}

/** Calls from many connections, each sending its next request when it has its answer. */
export interface LoadJob {
  readonly kind: 'load';
  readonly model: string;
  /** Bytes of a request's body, about. */
  readonly requestBytes: number;
  readonly target: Target;
  readonly connections: number;
  /** The connections begin one after another over this time, so that long streams do not all end at once. */
  readonly rampMs: number;
  /** Before the window; the ramp is part of it. */
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly watched: Watched;
}

/** What came of a `LoadJob` in its window. */
export interface LoadReport {
  readonly durationMs: number;
  /** Answers, counted by the bytes of their bodies, so that parts of answers at both ends of the window count as such. */
  readonly answers: number;
  /** Answers that came to their end in the window or after it, each checked. */
  readonly wholeAnswers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Longest time between two reads of one paced stream; 0 where nothing is paced. */
  readonly longestGapMs: number;
  /** Reads of paced streams that came later than ten times the pace after the one before. */
  readonly lateReads: number;
  readonly subjectCpuMs: number;
  /** Of its main threads alone. */
  readonly subjectMainCpuMs: number;
  readonly upstreamCpuMs: number;
  readonly loadCpuMs: number;
}

/** Calls from one connection to each of two targets, never two at once, taking turns at random. */
export interface LatencyJob {
  readonly kind: 'latency';
  readonly model: string;
  /** Until the answer is whole, or until the model's first text has come. */
  readonly until: 'end' | 'first text';
  readonly target: Target;
  readonly direct: Target;
  readonly warmUpMs: number;
  readonly windowMs: number;
}

/** What came of a `LatencyJob` in its window. */
export interface LatencyReport {
  readonly answers: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly directP50Ms: number;
  readonly directP99Ms: number;
}

export type Job = LoadJob | LatencyJob;
export type Reply =
  | { readonly kind: 'done'; readonly report: LoadReport | LatencyReport }
  | { readonly kind: 'failed'; readonly message: string };
