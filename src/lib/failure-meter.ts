// Counts the failures of each peer of the network, and says how long one that fails too often is to wait.

/** At most so many peers are remembered; whoever failed longest ago is forgotten first. */
const peersKept = 10_000;

/** A leaky bucket for each peer: each failure fills it by one, and it empties evenly. */
export class FailureMeter {
  readonly #perMinute: number;
  readonly #peers = new Map<string, { level: number; atMs: number }>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  /** Counts a failure. The answer is the ms after which the peer may fail again; 0 where this failure was allowed. */
  count(address: string, nowMs: number): number {
    const peer = networkOf(address);
    const before = this.#peers.get(peer);
    const drained = before === undefined ? 0 : ((nowMs - before.atMs) * this.#perMinute) / 60_000;
    const level = before === undefined ? 0 : Math.max(before.level - drained, 0);
    const isFull = level + 1 > this.#perMinute;
    // Last in the order of the Map: it was seen last.
    this.#peers.delete(peer);
    this.#peers.set(peer, { level: isFull ? level : level + 1, atMs: nowMs });
    const [oldest] = this.#peers.keys();
    if (this.#peers.size > peersKept && oldest !== undefined) this.#peers.delete(oldest);
    return isFull ? Math.max(Math.round(((level + 1 - this.#perMinute) * 60_000) / this.#perMinute), 1) : 0;
  }
}

/** Who is behind an address: of IPv6 the first 64 bits, because the rest is for its owner to choose. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array<string>(Math.max(8 - first.length - last.length, 0)).fill('0');
  return [...first, ...zeros, ...last].slice(0, 4).join(':');
}
