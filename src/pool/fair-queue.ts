// A queue with several flows through it, each given its turn by deficit round robin (Shreedhar and Varghese, 1996).

interface Entry<Item> {
  readonly item: Item;
  readonly cost: number;
}

interface Flow<Item> {
  readonly id: string;
  readonly entries: Entry<Item>[];
  /** What it may still spend in this turn. */
  credit: number;
}

/** What a flow is given each turn: a middling request's tokens. */
const quantum = 1000;

/** What the smallest item counts as: it takes a place at an account like any other. */
const leastCost = 500;

/** What the largest counts as: clients write their own limits, and sums of what is larger are no longer exact. */
const mostCost = 1e12;

/** Items of several flows; a flow that wants much gets no more than its share while others want something too. */
export class FairQueue<Item> {
  /** The flows with something in them; the first has its turn. */
  #flows: Flow<Item>[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(flowId: string, item: Item, cost: number): void {
    let flow = this.#flows.find(({ id }) => id === flowId);
    if (flow === undefined) {
      flow = { id: flowId, entries: [], credit: 0 };
      this.#flows.push(flow);
    }
    flow.entries.push({ item, cost: Math.min(Math.max(cost, leastCost), mostCost) });
    this.#length += 1;
  }

  /** Who is next; stays next until taken or removed. */
  first(): Item | undefined {
    if (this.#length === 0) return undefined;
    this.#skipRounds();
    for (;;) {
      const flow = this.#flows[0] as Flow<Item>;
      const [entry] = flow.entries as [Entry<Item>];
      if (entry.cost <= flow.credit || this.#flows.length === 1) return entry.item;
      // Its turn begins with fresh credit; where even that is too little, the next flow has its turn and this one saves.
      flow.credit += quantum;
      if (entry.cost <= flow.credit) return entry.item;
      this.#flows.push(this.#flows.shift() as Flow<Item>);
    }
  }

  takeFirst(): Item | undefined {
    const item = this.first();
    const [flow] = this.#flows;
    const entry = flow?.entries.shift();
    if (flow === undefined || entry === undefined) return item;
    this.#length -= 1;
    flow.credit = Math.max(flow.credit - entry.cost, 0);
    if (flow.entries.length === 0) this.#flows.shift();
    else if ((flow.entries[0] as Entry<Item>).cost > flow.credit) this.#flows.push(this.#flows.shift() as Flow<Item>);
    return item;
  }

  remove(flowId: string, item: Item): void {
    const flow = this.#flows.find(({ id }) => id === flowId);
    const at = flow?.entries.findIndex((entry) => entry.item === item) ?? -1;
    if (flow === undefined || at === -1) return;
    flow.entries.splice(at, 1);
    this.#length -= 1;
    if (flow.entries.length === 0) this.#flows = this.#flows.filter((other) => other !== flow);
  }

  /** Rounds in which nobody has saved enough all at once: of what is dear there would be millions. */
  #skipRounds(): void {
    const missing = ({ entries, credit }: Flow<Item>): number => (entries[0] as Entry<Item>).cost - credit;
    const [turn] = this.#flows;
    if (turn === undefined || this.#flows.length === 1 || missing(turn) <= 0) return;
    let rounds = Number.POSITIVE_INFINITY;
    for (const flow of this.#flows) rounds = Math.min(rounds, Math.ceil(missing(flow) / quantum) - 1);
    if (rounds <= 0) return;
    for (const flow of this.#flows) flow.credit += rounds * quantum;
  }
}
