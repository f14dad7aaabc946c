// The right to use a member for one attempt: taken before the attempt, given back after it, whatever happened.
import type { Member } from './member.ts';

/** The right to use a member for one attempt. Use it with `using`. */
export class Lease implements Disposable {
  readonly member: Member;
  /** Why this member was chosen. */
  readonly because: string;
  #isHeld = true;

  constructor(member: Member, because: string) {
    this.member = member;
    this.because = because;
    member.inFlight += 1;
  }

  [Symbol.dispose](): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.member.inFlight -= 1;
  }
}
