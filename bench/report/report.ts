// What a run has found, as the reports are made of it.
import type { LaneId } from '../lanes.ts';
import type { SubjectId } from '../subjects/registry.ts';
import type { Failure, Measured } from '../trial.ts';
import type { Setting } from './machine.ts';

/** All of one run. */
export interface Report {
  readonly setting: Setting;
  readonly measured: readonly Measured[];
  readonly columns: readonly SubjectId[];
  readonly lanes: readonly LaneId[];
  /** Peers that are not installed. */
  readonly missing: readonly SubjectId[];
  readonly failures: readonly Failure[];
}
