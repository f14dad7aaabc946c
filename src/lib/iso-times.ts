// Times as people and databases write them.

/** Name → time in ms becomes name → time in ISO 8601. */
export function isoTimes(times: ReadonlyMap<string, number>): Map<string, string> {
  return new Map([...times].map(([name, ms]) => [name, new Date(ms).toISOString()]));
}

/** Tells the time in ISO 8601 again and again: what stands before the ms is made once a second, which saves most of it. */
export class IsoClock {
  #second = -1;
  #text = '';

  /** Of a time since 1970, ms. */
  at(ms: number): string {
    const second = Math.floor(ms / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
    }
    const rest = Math.floor(ms - second * 1000);
    return `${this.#text}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
  }
}
