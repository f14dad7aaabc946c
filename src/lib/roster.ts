// Who is under way just now: a set for members that come and go with every request.

/** Who can stand in a roster, in one at a time. */
export interface RosterMember {
  /** Where it stands, -1 while it stands in none. The roster's own. */
  rosterPlace: number;
}

/**
 * A `Set` makes itself a new table every so often while members come and go, and each old table refers to the one after
 * it, for whoever walks through it. Once one of them has grown old with all that lives long, every later table outlives
 * its time with the members that it had: with 64 requests side by side half of what they had made was kept for nothing,
 * until all memory was gone through. Here members are in an array, and each knows its place.
 */
export class Roster<Member extends RosterMember> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Takes one in that stands nowhere yet. */
  add(member: Member): void {
    member.rosterPlace = this.#members.push(member) - 1;
  }

  /** Lets it go; nothing where it has gone already. */
  delete(member: Member): void {
    const place = member.rosterPlace;
    if (place === -1) return;
    member.rosterPlace = -1;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[place] = last;
    last.rosterPlace = place;
  }

  /** Visits each one, the last first: so a visit may let its member go. */
  forEach(visit: (member: Member) => void): void {
    for (let place = this.#members.length - 1; place >= 0; place -= 1) {
      const member = this.#members[place];
      if (member !== undefined) visit(member);
    }
  }
}
