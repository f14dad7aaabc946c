// Which calls the fake OpenAI bills, and what for: those of its journal, and those that the script says were made elsewhere.
import { ENDPOINTS } from '../endpoints.ts';
import type { JournalRecord } from '../journal.ts';
import { answeredModel } from '../models.ts';
import type { BookedCall, BooksScript } from '../script.ts';

/** What the books tell apart. */
export type BilledKind = 'completions' | 'embeddings';

/** One call, or several that are alike, as the books hold them. */
export interface BilledCall {
  readonly kind: BilledKind;
  /** When it was over, epoch milliseconds: the books count it there. */
  readonly atMs: number;
  /** The dated name. */
  readonly model: string;
  readonly requests: number;
  readonly inputTokens: number;
  /** Part of the input. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
  /** Null where nobody's key is known. */
  readonly owner: KeyOwner | null;
  readonly serviceTier: string;
}

/** Whose key a call was made with. */
export interface KeyOwner {
  readonly organization: string;
  readonly project: string;
  readonly apiKeyId: string;
}

/** Everything that was billed so far. */
export function* billedCalls(records: Iterable<JournalRecord>, script: BooksScript): Generator<BilledCall> {
  const isMissing = (requested: string): boolean =>
    [requested, answeredModel(requested)].some((name) => script.missing_models?.includes(name) === true);
  for (const record of records) {
    const call = callOf(record, script);
    if (call !== undefined && !isMissing(record.model ?? '')) yield call;
  }
  for (const call of script.calls ?? []) yield bookedElsewhere(call);
}

/** What is refused, or breaks before its head, is not billed. */
function callOf(record: JournalRecord, script: BooksScript): BilledCall | undefined {
  const isUsed = record.promptTokens > 0 || record.completionTokens > 0;
  if (record.isOpen || record.status !== 200 || !isUsed || !Object.hasOwn(ENDPOINTS, record.path)) return undefined;
  const isCut = record.isStream && (!record.isFinished || record.fault !== null);
  return {
    kind: record.path === '/v1/embeddings' ? 'embeddings' : 'completions',
    atMs: record.endedAt ?? record.at,
    model: answeredModel(record.model ?? ''),
    requests: 1,
    inputTokens: record.promptTokens,
    cachedTokens: record.cachedTokens,
    outputTokens: isCut && script.cut_streams !== 'whole' ? record.completionTokensSent : record.completionTokens,
    owner: record.owner,
    serviceTier: 'default',
  };
}

function bookedElsewhere(call: BookedCall): BilledCall {
  return {
    kind: call.model.startsWith('text-embedding-') ? 'embeddings' : 'completions',
    atMs: call.at * 1000,
    model: answeredModel(call.model),
    requests: call.requests ?? 1,
    inputTokens: call.input_tokens,
    cachedTokens: call.cached_tokens ?? 0,
    outputTokens: call.output_tokens ?? 0,
    owner: null,
    serviceTier: 'default',
  };
}
