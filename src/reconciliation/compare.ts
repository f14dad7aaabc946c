// Lays our sums beside the provider's books: one line for each day and family of models that either side has.
import type { BookedCost, BookedUsage, OurSums } from '../core/books.ts';
import { namesOf } from '../prices/names.ts';

/** What one side has of one model on one day. */
export interface Side {
  readonly requests: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Null where the side says nothing about money. */
  readonly nanoUsd: number | null;
}

/** What our ledger knows besides that may explain a difference. Counts of attempts. */
export interface Evidence {
  /** As they were sent to the provider. */
  readonly models: readonly string[];
  readonly unpriced: number;
  readonly estimated: number;
  readonly unknownEnd: number;
  readonly withoutUsage: number;
  readonly unanswered: number;
  /** Begun on this day and over on the next. */
  readonly leaving: Border;
  /** Begun on the day before and over on this one. */
  readonly arriving: Border;
}

/** Attempts on both sides of a midnight, and their tokens. */
export interface Border {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** One line of the comparison. */
export interface Line {
  /** The UTC day's beginning, ms since the epoch. */
  readonly dayMs: number;
  /** The family: `large` for `large-2026-01-31`. */
  readonly model: string;
  readonly ours: Side;
  readonly theirs: Side;
  readonly evidence: Evidence;
  /** Whether their books have tokens or requests of it, and not only money. */
  readonly isCountedThere: boolean;
}

/** How names are folded into families. */
export interface Naming {
  readonly aliases: ReadonlyMap<string, string>;
  readonly plainName: (model: string) => string;
}

/** What is compared. `ours` begins a day before `fromMs`, so that it is known what was under way at that midnight. */
export interface Compared {
  readonly fromMs: number;
  /** Not included. */
  readonly toMs: number;
  readonly ours: readonly OurSums[];
  readonly usage: readonly BookedUsage[];
  readonly costs: readonly BookedCost[];
}

/** The name that all snapshots and aliases of a model share. */
export function familyOf(model: string, { aliases, plainName }: Naming): string {
  return namesOf(plainName(model.toLowerCase()), aliases).at(-1) ?? model;
}

const nothing: Side = { requests: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0, nanoUsd: null };
const noBorder: Border = { requests: 0, inputTokens: 0, outputTokens: 0 };
const noEvidence: Evidence = {
  models: [],
  unpriced: 0,
  estimated: 0,
  unknownEnd: 0,
  withoutUsage: 0,
  unanswered: 0,
  leaving: noBorder,
  arriving: noBorder,
};

const dayMs = 86_400_000;

/** The lines in order of day and model. */
export function compare({ fromMs, toMs, ours, usage, costs }: Compared, naming: Naming): Line[] {
  const lines = new Map<string, Line>();
  const change = (atMs: number, model: string, next: (line: Line) => Partial<Line>): void => {
    if (atMs < fromMs || atMs >= toMs) return;
    const family = familyOf(model, naming);
    const key = `${atMs} ${family}`;
    const empty = { ours: nothing, theirs: nothing, evidence: noEvidence, isCountedThere: false };
    const line = lines.get(key) ?? { dayMs: atMs, model: family, ...empty };
    lines.set(key, { ...line, ...next(line) });
  };
  for (const sums of ours) {
    change(sums.dayMs, sums.model, (line) => ({
      ours: plus(line.ours, { ...sums, nanoUsd: sums.requests > sums.unpriced ? sums.nanoUsd : null }),
      evidence: withSums(line.evidence, sums),
    }));
    if (sums.overMidnight > 0)
      change(sums.dayMs + dayMs, sums.model, ({ evidence }) => ({
        evidence: { ...evidence, arriving: plusBorder(evidence.arriving, sums) },
      }));
  }
  for (const row of usage)
    change(row.dayMs, row.model, ({ theirs }) => ({
      theirs: plus(theirs, { ...row, nanoUsd: null }),
      isCountedThere: true,
    }));
  for (const { dayMs: atMs, model, nanoUsd } of costs)
    change(atMs, model, ({ theirs }) => ({ theirs: plus(theirs, { ...nothing, nanoUsd }) }));
  return [...lines.values()]
    .filter(isWorthALine)
    .sort((a, b) => a.dayMs - b.dayMs || (a.model < b.model ? -1 : Number(a.model > b.model)));
}

/** A model that nobody was served by, as one whose every call was refused, is none. */
function isWorthALine({ ours, theirs, evidence }: Line): boolean {
  const isUsed = ({ requests, inputTokens, outputTokens, nanoUsd }: Side): boolean =>
    requests > 0 || inputTokens > 0 || outputTokens > 0 || (nanoUsd ?? 0) !== 0;
  return isUsed(ours) || isUsed(theirs) || evidence.unknownEnd > 0;
}

function plus(a: Side, b: Side): Side {
  return {
    requests: a.requests + b.requests,
    inputTokens: a.inputTokens + b.inputTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    nanoUsd: a.nanoUsd === null && b.nanoUsd === null ? null : (a.nanoUsd ?? 0) + (b.nanoUsd ?? 0),
  };
}

function withSums(evidence: Evidence, sums: OurSums): Evidence {
  return {
    models: [...new Set([...evidence.models, sums.model])],
    unpriced: evidence.unpriced + sums.unpriced,
    estimated: evidence.estimated + sums.estimated,
    unknownEnd: evidence.unknownEnd + sums.unknownEnd,
    withoutUsage: evidence.withoutUsage + sums.withoutUsage,
    unanswered: evidence.unanswered + sums.unanswered,
    leaving: plusBorder(evidence.leaving, sums),
    arriving: evidence.arriving,
  };
}

function plusBorder(border: Border, sums: OurSums): Border {
  return {
    requests: border.requests + sums.overMidnight,
    inputTokens: border.inputTokens + sums.overMidnightInput,
    outputTokens: border.outputTokens + sums.overMidnightOutput,
  };
}
