// Cursors of usage: the group that the page before ended with, as an opaque text.
import { GatewayError } from '../core/errors.ts';
import type { UsageGroup, UsageQuery } from '../storage/ledger-reports.ts';

/** The cursor of what comes after a group. */
export function cursorOfGroup({ bucketMs, values }: UsageGroup): string {
  return Buffer.from(JSON.stringify([bucketMs, ...values]), 'utf8').toString('base64url');
}

/** The group that a cursor stands for; throws where it is none of this query's. */
export function groupOfCursor(cursor: string | undefined, query: UsageQuery): UsageGroup | undefined {
  if (cursor === undefined) return undefined;
  const [bucketMs, ...values] = partsOf(cursor);
  const isBucket =
    query.buckets === undefined
      ? bucketMs === null
      : Number.isSafeInteger(bucketMs) &&
        (bucketMs as number) >= query.span.fromMs &&
        (bucketMs as number) < query.span.toMs;
  if (isBucket && values.length === query.dimensions.length && values.every((value) => typeof value === 'string'))
    return { bucketMs: bucketMs as number | null, values };
  throw new GatewayError('invalid_request', 'cursor must be the next_cursor of a page before, of the same query.', {
    param: 'cursor',
  });
}

function partsOf(cursor: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}
