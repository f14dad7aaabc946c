// The lanes: what is called, from how many connections, and how. One row is one measurement of every subject in every trial.

/** Many connections, each sending its next request when it has its answer. */
export interface LoadLane {
  readonly kind: 'load';
  /** As tables and plots call it. */
  readonly title: string;
  /** One of the models in `answers.ts`. */
  readonly model: string;
  /** Bytes of a request's body, about. */
  readonly requestBytes: number;
  readonly connections: number;
  /** Over this time the connections begin. */
  readonly rampMs: number;
  /** Before the window that counts; the ramp is part of it. */
  readonly warmUpMs: number;
}

/** One connection to the subject and one to the upstream, taking turns at random. */
export interface LatencyLane {
  readonly kind: 'latency';
  readonly title: string;
  readonly model: string;
  /** Until the answer is whole, or until the model's first text has come. */
  readonly until: 'end' | 'first text';
  readonly warmUpMs: number;
}

export type Lane = LoadLane | LatencyLane;

const many = { kind: 'load', connections: 64, requestBytes: 0, rampMs: 0, warmUpMs: 300 } as const;
const whole = { ...many, model: 'gpt-bench-whole' } as const;
const paced = { ...many, model: 'gpt-bench-paced', rampMs: 600, warmUpMs: 800 } as const;

/** Lane → how it is driven. */
export const lanes = {
  whole: { ...whole, title: 'Requests of 0.1 kB, 64 connections' },
  whole1: { ...whole, title: 'Requests of 0.1 kB, 1 connection', connections: 1 },
  whole10: { ...whole, title: 'Requests of 0.1 kB, 10 connections', connections: 10 },
  whole512: { ...whole, title: 'Requests of 0.1 kB, 512 connections', connections: 512, rampMs: 200, warmUpMs: 500 },
  body10: { ...whole, title: 'Requests of 10 kB, 64 connections', requestBytes: 10_000 },
  body150: { ...whole, title: 'Requests of 150 kB, 64 connections', requestBytes: 150_000 },
  stream34: { ...many, title: 'Streams of 34 chunks, unpaced, 64 connections', model: 'gpt-bench-34' },
  stream300: { ...many, title: 'Streams of 300 chunks, unpaced, 64 connections', model: 'gpt-bench-300' },
  paced: { ...paced, title: 'Streams of 34 chunks, one every 20 ms, 64 at once' },
  paced512: { ...paced, title: 'Streams of 34 chunks, one every 20 ms, 512 at once', connections: 512 },
  latency: {
    kind: 'latency',
    title: 'Requests of 0.1 kB, one at a time, beside direct calls',
    model: 'gpt-bench-whole',
    until: 'end',
    warmUpMs: 200,
  },
  first: {
    kind: 'latency',
    title: 'Streams that pause 10 ms twice, one at a time, beside direct calls, until the first text',
    model: 'gpt-bench-first',
    until: 'first text',
    warmUpMs: 200,
  },
  first34: {
    kind: 'latency',
    title: 'Streams of 34 chunks, unpaced, one at a time, beside direct calls, until the first text',
    model: 'gpt-bench-34',
    until: 'first text',
    warmUpMs: 200,
  },
} as const satisfies Record<string, Lane>;

export type LaneId = keyof typeof lanes;
export const laneIds = Object.keys(lanes) as LaneId[];
/** The lanes that load. */
export type LoadLaneId = { [Id in LaneId]: (typeof lanes)[Id] extends LoadLane ? Id : never }[LaneId];
