// Price: what a request's attempts cost, as far as their usage is known.
import { writeUsd } from '../core/money.ts';
import { sumOfCosts, type NanoUsd, type PriceBook } from '../core/price.ts';
import type { AttemptRecord, RequestRecord } from '../core/record.ts';
import type { ReadReport } from '../core/usage.ts';

/** Puts the cost on every attempt that has used something, and their sum on the request. */
export function priceRecord(record: RequestRecord, prices: PriceBook): void {
  for (const attempt of record.attempts) priceAttempt(attempt, prices);
  record.costNanoUsd = sumOfCosts(record.attempts);
}

function priceAttempt(attempt: AttemptRecord, prices: PriceBook): void {
  const { usage, providerId, model, serviceTier, startedAtMs } = attempt;
  if (usage === null) return;
  const cost = prices.cost({ providerId, model, serviceTier, usage, atMs: startedAtMs });
  attempt.costNanoUsd = cost?.nanoUsd ?? null;
  attempt.priceId = cost?.priceId ?? null;
}

/**
 * What the client is told of the cost while its answer goes out: in USD, with what earlier attempts cost; undefined
 * where it is not known.
 */
export function costToTell(
  record: RequestRecord,
  { usage, serviceTier }: ReadReport,
  prices: PriceBook,
): string | undefined {
  const last = record.attempts.at(-1);
  if (last === undefined || usage === null) return undefined;
  const { providerId, model, startedAtMs: atMs } = last;
  const cost = prices.cost({ providerId, model, serviceTier, usage, atMs });
  if (cost === null) return undefined;
  const before = record.attempts.length > 1 ? costBefore(record, prices) : 0;
  return before === null ? undefined : writeUsd(before + cost.nanoUsd);
}

/** What the attempts before the last cost; null where that is not known. */
function costBefore(record: RequestRecord, prices: PriceBook): NanoUsd | null {
  const earlier: RequestRecord = { ...record, attempts: record.attempts.slice(0, -1) };
  priceRecord(earlier, prices);
  return earlier.costNanoUsd;
}
