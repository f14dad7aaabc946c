// What a scenario is: a scene, what is played on it in each mode, and what came of it.
import type { ChaosRig } from './rig.ts';
import type { Mode, Scene } from './scene.ts';

/** What came of it. */
export interface Outcome {
  /** What the client saw, in a few words. */
  readonly clientSaw: string;
  /** Client requests. */
  readonly requests: number;
  /** Calls of the upstream. */
  readonly attempts: number;
  /** Answers, or parts of one, that reached a client beside the one it was to get. */
  readonly duplicates: number;
  /** What is not as it must be, a phrase each. */
  readonly problems: readonly string[];
}

/** One failure, and the proof that it does no harm. */
export interface Scenario {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** It takes so long that it should begin first. */
  readonly isLong?: boolean;
  readonly scene: (mode: Mode) => Scene;
  readonly play: (rig: ChaosRig, mode: Mode) => Promise<Outcome>;
}
