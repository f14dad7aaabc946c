// Admit: whether there is room for the request; bodies in flight share one budget of bytes.
import { GatewayError } from '../core/errors.ts';
import type { BodyRoom } from '../core/exchange.ts';

const retryAfterMs = 1000;
/** Bodies up to this size may use the part of the budget that is kept from the larger ones. */
const smallBytes = 64 << 10;
const keptForSmall = 1 / 8;
const mostInFlightBytes = 512 << 20;
/** Of the memory that the process may have. What is no longer wanted stays there for a while, until it is collected. */
const shareOfMemory = 1 / 4;

/** How large bodies may be, in bytes. */
export interface BodyLimits {
  readonly MAX_BODY_BYTES: number;
  readonly MAX_BODY_BYTES_IN_FLIGHT: number;
}

/** The limits in force, in a process that may have so many bytes of memory: no body is larger than there can ever be room for. */
export function bodyLimits(
  set: { readonly MAX_BODY_BYTES: number; readonly MAX_BODY_BYTES_IN_FLIGHT: number | undefined },
  memoryBytes: number,
): BodyLimits {
  const inFlight = set.MAX_BODY_BYTES_IN_FLIGHT ?? Math.min(mostInFlightBytes, Math.floor(memoryBytes * shareOfMemory));
  const largest = Math.max(largeLimit(inFlight), Math.min(inFlight, smallBytes));
  return { MAX_BODY_BYTES: Math.min(set.MAX_BODY_BYTES, largest), MAX_BODY_BYTES_IN_FLIGHT: inFlight };
}

function largeLimit(limitBytes: number): number {
  return Math.floor(limitBytes * (1 - keptForSmall));
}

/** All bodies in memory together. */
export class BodyBudget {
  readonly #limitBytes: number;
  readonly #largeLimitBytes: number;
  #usedBytes = 0;
  /** Large bodies that are still coming in, the oldest first. */
  readonly #growing = new Set<BodyShare>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#largeLimitBytes = largeLimit(limitBytes);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** An empty share, to be filled as bytes come and given back with `using`. */
  open(): BodyShare {
    return new BodyShare(this);
  }

  /** Refuses what does not fit now, before any of it is read; what is announced and does not come takes nobody's place. */
  expect(bytes: number): void {
    if (this.#usedBytes + bytes > this.#limitFor(bytes)) throw overloaded();
  }

  /** Counts more bytes of a share; where there is no room, the bodies that began last are refused, this one if it did. */
  take(share: BodyShare, bytes: number): void {
    const isLarge = share.heldBytes + bytes > smallBytes;
    const excess = this.#usedBytes + bytes - this.#limitFor(share.heldBytes + bytes);
    if (excess > 0) this.#makeRoom(share, excess);
    this.#usedBytes += bytes;
    if (isLarge) this.#growing.add(share);
  }

  /** The share grows no more. */
  settle(share: BodyShare): void {
    this.#growing.delete(share);
  }

  /** Counts what is there anyway; false where that is more than large bodies may have. */
  overdraw(bytes: number): boolean {
    this.#usedBytes += bytes;
    return this.#usedBytes <= this.#largeLimitBytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  #limitFor(bytes: number): number {
    return bytes > smallBytes ? this.#largeLimitBytes : this.#limitBytes;
  }

  #makeRoom(asker: BodyShare, excess: number): void {
    const younger: BodyShare[] = [];
    let found = 0;
    for (const share of this.#growing.has(asker) ? [...this.#growing].reverse() : []) {
      if (share === asker || found >= excess) break;
      younger.push(share);
      found += share.heldBytes;
    }
    if (found < excess) throw overloaded();
    for (const share of younger) share.refuse(overloaded());
  }
}

function overloaded(): GatewayError {
  return new GatewayError('overloaded', 'The gateway holds as many request bodies as it may; try again in a second.', {
    retryAfterMs,
  });
}

/** The part of the budget that one request holds. */
export class BodyShare implements BodyRoom, Disposable {
  readonly #budget: BodyBudget;
  #heldBytes = 0;
  #answerBytes = 0;
  #onRefused: ((error: Error) => void) | undefined;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  begin(announcedBytes: number | undefined, onRefused: (error: Error) => void): void {
    if (announcedBytes !== undefined) this.#budget.expect(announcedBytes);
    this.#onRefused = onRefused;
  }

  add(bytes: number): void {
    this.#budget.take(this, bytes);
    this.#heldBytes += bytes;
  }

  end(): void {
    if (this.#heldBytes > smallBytes) this.#budget.settle(this);
    this.#onRefused = undefined;
  }

  /** Counts bytes of an answer that is held, too; false where there is no room for them: they count all the same. */
  holdAnswer(bytes: number): boolean {
    this.#answerBytes += bytes;
    return this.#budget.overdraw(bytes);
  }

  /** The answer is held no longer. */
  letGoAnswer(): void {
    if (this.#answerBytes === 0) return;
    this.#budget.giveBack(this.#answerBytes);
    this.#answerBytes = 0;
  }

  /** Takes its place away while it is still coming in. */
  refuse(error: GatewayError): void {
    const refused = this.#onRefused;
    this[Symbol.dispose]();
    refused?.(error);
  }

  [Symbol.dispose](): void {
    this.end();
    this.#budget.giveBack(this.#heldBytes);
    this.#heldBytes = 0;
    this.letGoAnswer();
  }
}
