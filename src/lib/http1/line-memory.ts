// The lines of the heads before, by their place: those that have stayed the same for a while are looked at together.

/** A head of more lines is an exception. */
const mostPlaces = 64;
/** A line that was the same so often is looked at together with its neighbours. */
const steadyAfter = 100;

/** One line of a head. */
export interface Line {
  readonly name: string;
  /** Undefined where it is a secret: nothing of one is kept. */
  value: string | undefined;
  /** With its end. */
  text: string;
  /** How often it has come, since it was another. */
  seen: number;
}

/** Neighbours that have stayed the same. */
export interface Run {
  readonly lines: number;
  /** Name and value in turn. */
  readonly fields: readonly string[];
  readonly text: string;
}

/** What is remembered of heads of one kind. A text costs as much to compare or to put behind another whether it is one line or ten. */
export class LineMemory<Kept extends Line> {
  readonly #lines: (Kept | undefined)[] = [];
  /** By the place where they begin. */
  #runs: (Run | undefined)[] = [];
  #isDue = false;

  line(place: number): Kept | undefined {
    return this.#lines[place];
  }

  run(place: number): Run | undefined {
    return this.#runs[place];
  }

  /** Neighbours have come otherwise: the others of them are a run without what has changed. */
  miss(): void {
    this.#isDue = true;
  }

  keep(place: number, line: Kept | undefined): void {
    if (place < mostPlaces) this.#lines[place] = line;
  }

  /** A line has come again. */
  see(line: Kept): void {
    line.seen += 1;
    if (line.seen === steadyAfter) this.#isDue = true;
  }

  /** The head is at its end. */
  finish(): void {
    if (this.#isDue) this.#gather();
  }

  #gather(): void {
    this.#isDue = false;
    this.#runs = [];
    for (let place = 0; place < this.#lines.length; place += 1) {
      const lines: Kept[] = [];
      for (let line = this.#steadyAt(place); line !== undefined; line = this.#steadyAt(place + lines.length))
        lines.push(line);
      if (lines.length < 2) continue;
      this.#runs[place] = {
        lines: lines.length,
        fields: lines.flatMap(({ name, value }) => [name, value as string]),
        text: lines.map(({ text }) => text).join(''),
      };
      place += lines.length;
    }
  }

  #steadyAt(place: number): Kept | undefined {
    const line = this.#lines[place];
    // A secret is nowhere seen again.
    return line !== undefined && line.seen >= steadyAfter ? line : undefined;
  }
}
