// Admit: whether there is room for the request; bodies in flight share one budget of bytes.
import { GatewayError } from '../core/errors.ts';

const retryAfterMs = 1000;

/** All bodies in memory together. */
export class BodyBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** An empty share, to be filled as bytes come and given back with `using`. */
  open(): BodyShare {
    return new BodyShare((bytes) => this.#take(bytes));
  }

  #take(bytes: number): void {
    if (bytes > 0 && this.#usedBytes + bytes > this.#limitBytes) {
      throw new GatewayError(
        'overloaded',
        'The gateway holds as many request bodies as it may; try again in a second.',
        {
          retryAfterMs,
        },
      );
    }
    this.#usedBytes += bytes;
  }
}

/** The part of the budget that one request holds. */
export class BodyShare implements Disposable {
  readonly #take: (bytes: number) => void;
  #heldBytes = 0;

  constructor(take: (bytes: number) => void) {
    this.#take = take;
  }

  /** Takes more of the budget; throws `overloaded` where it is used up. */
  add(bytes: number): void {
    this.#take(bytes);
    this.#heldBytes += bytes;
  }

  [Symbol.dispose](): void {
    this.#take(-this.#heldBytes);
    this.#heldBytes = 0;
  }
}
