// Times as people and databases write them.

/** Name → time in ms becomes name → time in ISO 8601. */
export function isoTimes(times: ReadonlyMap<string, number>): Map<string, string> {
  return new Map([...times].map(([name, ms]) => [name, new Date(ms).toISOString()]));
}
