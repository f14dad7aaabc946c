// The requests whose end is not known yet, by id, without V8 keeping every id it has ever seen.
import type { SpoolPosition } from '../storage/ledger-store.ts';

/** After so many requests have gone the map is made anew; after twice as many as it holds where that is more. */
const renewAfter = 256;

/** A request that has begun. */
export interface OpenRequest {
  readonly id: string;
  /** Its last line. */
  readonly line: string;
  /** Where its first line is. */
  readonly position: SpoolPosition;
  readonly seenAtMs: number;
}

/**
 * A map by id. V8 takes each text that is a key of a `Map` into one table of its own, where it stays until all memory is
 * gone through: for ids, which never come again, that took a fifth of the thread's time. So the keys here are numbers
 * made of the ids, and a request whose number another has goes into a map of the usual kind.
 *
 * A map from which so much is taken makes itself a new table again and again, and each refers to the one after it: once
 * one has grown old, all later ones are kept with the lines that they had (`lib/roster.ts`). So before that it is copied
 * into another map, which begins without a past.
 */
export class OpenRequests {
  readonly #numberOf: (id: string) => number;
  #byNumber = new Map<number, OpenRequest>();
  #gone = 0;
  readonly #others = new Map<string, OpenRequest>();

  constructor(numberOf = numberOfId) {
    this.#numberOf = numberOf;
  }

  get(id: string): OpenRequest | undefined {
    const found = this.#byNumber.get(this.#numberOf(id));
    if (found?.id === id) return found;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** Takes it in, in place of what is known of it; its place in the order stays. */
  set(request: OpenRequest): void {
    const { id } = request;
    const number = this.#numberOf(id);
    const isOther = this.#others.size > 0 && this.#others.has(id);
    const found = isOther ? undefined : this.#byNumber.get(number);
    if (isOther || (found !== undefined && found.id !== id)) this.#others.set(id, request);
    else this.#byNumber.set(number, request);
  }

  delete(id: string): void {
    const number = this.#numberOf(id);
    if (this.#byNumber.get(number)?.id === id) this.#deleteNumber(number);
    else if (this.#others.size > 0) this.#others.delete(id);
  }

  #deleteNumber(number: number): void {
    this.#byNumber.delete(number);
    this.#gone += 1;
    if (this.#gone < Math.max(renewAfter, 2 * this.#byNumber.size)) return;
    this.#byNumber = new Map(this.#byNumber);
    this.#gone = 0;
  }

  /** Takes out those that were seen before this time. */
  takeBefore(ms: number): OpenRequest[] {
    const taken: OpenRequest[] = [];
    for (const map of [this.#byNumber, this.#others]) {
      for (const request of map.values()) {
        if (request.seenAtMs >= ms) break;
        taken.push(request);
      }
    }
    for (const { id } of taken) this.delete(id);
    return taken;
  }

  /** Where the first of them begins. */
  get firstPosition(): SpoolPosition | undefined {
    const [first] = this.#byNumber.values();
    const [other] = this.#others.values();
    if (first === undefined || other === undefined) return (first ?? other)?.position;
    return isBefore(other.position, first.position) ? other.position : first.position;
  }
}

/** An id ends with what is random in it. */
function numberOfId(id: string): number {
  let number = 0;
  for (let i = Math.max(0, id.length - 12); i < id.length; i += 1) number = (number * 31 + id.charCodeAt(i)) | 0;
  return number;
}

function isBefore(a: SpoolPosition, b: SpoolPosition): boolean {
  return a.segment < b.segment || (a.segment === b.segment && a.offsetBytes < b.offsetBytes);
}
