// What the pools of several gateways need of each other: a way to tell, and a place for what must outlast the telling.

/** Something that those who start later, or were not heard of, must learn too. */
export interface KeptEntry {
  /** Replaces what was kept under the same name. */
  readonly name: string;
  readonly text: string;
  /** How long it is worth keeping, in ms since the epoch. */
  readonly untilMs: number;
}

/** The way from one gateway's pool to those of the others. Nothing here throws, and only `kept` is waited for. */
export interface PoolExchange {
  /** Whether the others cannot be told at the moment. */
  readonly isAway: boolean;
  /** How many gateways there are, this one included, as they were seen last; at least 1. */
  readonly gateways: number;
  /** Tells all others; lost for those that do not listen at this moment. */
  tell(text: string): void;
  keep(entries: readonly KeptEntry[]): void;
  /** Keeps nothing any more whose name begins with one of these. */
  forget(prefixes: readonly string[]): void;
  /** The texts that are kept; undefined where nothing has changed since the last call, or nobody can tell. */
  kept(): Promise<readonly string[] | undefined>;
  /** Hears what others tell; the answer takes the listener back. */
  onTold(listener: (text: string) => void): () => void;
  /** Calls back when an outage is over; the answer takes the listener back. */
  onReturn(listener: () => void): () => void;
}
