// Why an account was chosen, as the ledger tells it.
import { ownText } from '../lib/own-text.ts';
import { RecentMap } from '../lib/recent-map.ts';

/** Scores, to the thousandth, whose words are remembered: most are told again with the next request, and making them takes a microsecond. */
const scoresKept = 1000;

/** The words for a choice among several. */
export class Reasons {
  readonly #texts = new RecentMap<number, string>(scoresKept);
  #peers = 0;

  /** `peers`: how many accounts of its priority there are for the model. */
  of(score: number, peers: number): string {
    if (peers !== this.#peers) this.#texts.clear();
    this.#peers = peers;
    const thousandths = Math.round(score * 1000);
    return this.#texts.get(thousandths) ?? this.#make(thousandths);
  }

  #make(thousandths: number): string {
    const text = ownText(`score ${(thousandths / 1000).toFixed(3)}, next in turn of ${this.#peers} accounts`);
    this.#texts.set(thousandths, text);
    return text;
  }
}
