// The lanes: what is called, from how many connections, and how. One row is one measurement of every subject in every trial.

/** Many connections, each sending its next request when it has its answer. */
export interface LoadLane {
  readonly kind: 'load';
  /** One of the models in `answers.ts`. */
  readonly model: string;
  readonly connections: number;
  /** Over this time the connections begin. */
  readonly rampMs: number;
  /** Before the window that counts; the ramp is part of it. */
  readonly warmUpMs: number;
}

/** One connection to the subject and one to the upstream, taking turns at random. */
export interface LatencyLane {
  readonly kind: 'latency';
  readonly model: string;
  readonly warmUpMs: number;
}

export type Lane = LoadLane | LatencyLane;

const many = { kind: 'load', connections: 64, rampMs: 0, warmUpMs: 500 } as const;

/** Lane → how it is driven. */
export const lanes = {
  whole: { ...many, model: 'gpt-bench-whole' },
  stream34: { ...many, model: 'gpt-bench-34' },
  stream300: { ...many, model: 'gpt-bench-300' },
  paced: { ...many, model: 'gpt-bench-paced', rampMs: 500, warmUpMs: 700 },
  latency: { kind: 'latency', model: 'gpt-bench-whole', warmUpMs: 300 },
} as const satisfies Record<string, Lane>;

export type LaneId = keyof typeof lanes;
export const laneIds = Object.keys(lanes) as LaneId[];
