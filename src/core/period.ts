// The time that a budget is for.

/** From `startMs` to before `endMs`, ms since the epoch; `endMs` is infinite where the budget never begins anew. */
export interface Period {
  readonly startMs: number;
  readonly endMs: number;
}
