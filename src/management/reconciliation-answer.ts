// A comparison as the API shows it.
import { writeUsd } from '../core/money.ts';
import type { Line, Side } from '../reconciliation/compare.ts';
import { differenceOf, isCountedAlike, isPaidAlike, sentenceOf, type Reason } from '../reconciliation/reasons.ts';
import type { ReconciliationAnswer } from './contract/reconciliation.ts';

type BooksAnswer = ReconciliationAnswer['books'][number];
type SideAnswer = BooksAnswer['total']['ours'];

/** A line with its likely reasons. */
export interface ExplainedLine {
  readonly line: Line;
  readonly reasons: readonly Reason[];
}

/** What was compared with whom. */
interface Compared {
  readonly provider: { readonly id: string };
  readonly keyHolder: string | null;
  readonly accounts: readonly string[];
}

/** The answer about one admin key's books. */
export function presentBooks(
  { provider, keyHolder, accounts }: Compared,
  explained: readonly ExplainedLine[],
): BooksAnswer {
  const lines = explained.map(({ line }) => line);
  const total = { ours: totalOf(lines.map(({ ours }) => ours)), theirs: totalOf(lines.map(({ theirs }) => theirs)) };
  return {
    provider_id: provider.id,
    key_holder: keyHolder,
    account_ids: [...accounts],
    lines: explained.map(({ line, reasons }) => ({
      day: new Date(line.dayMs).toISOString().slice(0, 10),
      model: line.model,
      ...sidesOf(line),
      reasons: reasons.map((reason) => ({ code: reason.code, count: reason.count, message: sentenceOf(reason) })),
    })),
    total: sidesOf(total),
    differing_lines: lines.filter((line) => !isCountedAlike(line) || !isPaidAlike(line)).length,
  };
}

function sidesOf(line: Pick<Line, 'ours' | 'theirs'>): BooksAnswer['total'] {
  return { ours: sideOf(line.ours), theirs: sideOf(line.theirs), difference: sideOf(differenceOf(line)) };
}

function sideOf(side: Side): SideAnswer {
  return {
    requests: side.requests,
    input_tokens: side.inputTokens,
    cached_tokens: side.cachedTokens,
    output_tokens: side.outputTokens,
    cost_usd: side.nanoUsd === null ? null : writeUsd(side.nanoUsd),
  };
}

function totalOf(sides: readonly Side[]): Side {
  const sum = (read: (side: Side) => number | null): number =>
    sides.reduce((total, side) => total + (read(side) ?? 0), 0);
  return {
    requests: sum((side) => side.requests),
    inputTokens: sum((side) => side.inputTokens),
    cachedTokens: sum((side) => side.cachedTokens),
    outputTokens: sum((side) => side.outputTokens),
    nanoUsd: sides.every((side) => side.nanoUsd === null) ? null : sum((side) => side.nanoUsd),
  };
}
