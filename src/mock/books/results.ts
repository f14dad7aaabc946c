// The rows of a time bucket: calls summed by what the query groups them by, as tokens or as money.
import type { BookedCharge } from '../script.ts';
import type { BilledCall } from './billed-call.ts';
import { linesOf, type PriceTable } from './price-table.ts';

type Group = Readonly<Record<string, string | boolean | null>>;

/** Calls by group. `readers` says what each grouping reads; what is not grouped by is null. */
function grouped(
  calls: readonly BilledCall[],
  groupBy: ReadonlySet<string>,
  readers: Readonly<Record<string, (call: BilledCall) => string | boolean | null>>,
): { readonly group: Group; readonly calls: readonly BilledCall[] }[] {
  const groupOf = (call: BilledCall): Group =>
    Object.fromEntries(Object.entries(readers).map(([name, read]) => [name, groupBy.has(name) ? read(call) : null]));
  const all = Map.groupBy(calls, (call) => JSON.stringify(groupOf(call)));
  return [...all].map(([text, members]) => ({ group: JSON.parse(text) as Group, calls: members }));
}

const owners = {
  project_id: (call: BilledCall) => call.owner?.project ?? null,
  api_key_id: (call: BilledCall) => call.owner?.apiKeyId ?? null,
};

/** Rows of `/usage/completions`. */
export function completionRows(calls: readonly BilledCall[], groupBy: ReadonlySet<string>): object[] {
  const readers = {
    ...owners,
    user_id: () => null,
    model: (call: BilledCall) => call.model,
    batch: () => false,
    service_tier: (call: BilledCall) => call.serviceTier,
  };
  return grouped(calls, groupBy, readers).map(({ group, calls: members }) => {
    const input = sumOf(members, 'inputTokens');
    const cached = sumOf(members, 'cachedTokens');
    const output = sumOf(members, 'outputTokens');
    return {
      object: 'organization.usage.completions.result',
      input_tokens: input,
      input_cached_tokens: cached,
      input_cache_write_tokens: 0,
      input_uncached_tokens: input - cached,
      output_tokens: output,
      input_text_tokens: input - cached,
      output_text_tokens: output,
      input_cached_text_tokens: cached,
      input_audio_tokens: 0,
      input_cached_audio_tokens: 0,
      output_audio_tokens: 0,
      input_image_tokens: 0,
      input_cached_image_tokens: 0,
      output_image_tokens: 0,
      num_model_requests: sumOf(members, 'requests'),
      ...group,
    };
  });
}

/** Rows of `/usage/embeddings`. */
export function embeddingRows(calls: readonly BilledCall[], groupBy: ReadonlySet<string>): object[] {
  const readers = { ...owners, user_id: () => null, model: (call: BilledCall) => call.model };
  return grouped(calls, groupBy, readers).map(({ group, calls: members }) => ({
    object: 'organization.usage.embeddings.result',
    input_tokens: sumOf(members, 'inputTokens'),
    num_model_requests: sumOf(members, 'requests'),
    ...group,
  }));
}

/** Rows of `/costs`. A line item is a model and what of it: `gpt-4o-2024-08-06, cached input`. */
export function costRows(calls: readonly BilledCall[], groupBy: ReadonlySet<string>, prices: PriceTable): object[] {
  return grouped(calls, groupBy, owners).flatMap(({ group, calls: members }) => {
    const lines = linesOf(members, prices);
    if (groupBy.has('line_item'))
      return lines.map(({ item, nanoUsd, tokens }) =>
        costRow(nanoUsd, { ...group, line_item: item, quantity: tokens }),
      );
    if (lines.length === 0) return [];
    const sum = lines.reduce((total, { nanoUsd }) => total + nanoUsd, 0);
    return [costRow(sum, { ...group, line_item: null, quantity: null })];
  });
}

/** Rows of `/costs` that are about no tokens. */
export function chargeRows(charges: readonly BookedCharge[], groupBy: ReadonlySet<string>): object[] {
  const line = (item: string): string | null => (groupBy.has('line_item') ? item : null);
  return charges.map(({ line_item: item, usd }) =>
    costRow(Math.round(usd * 1e9), { project_id: null, api_key_id: null, line_item: line(item), quantity: null }),
  );
}

function costRow(nanoUsd: number, rest: object): object {
  return { object: 'organization.costs.result', amount: { value: nanoUsd / 1e9, currency: 'usd' }, ...rest };
}

function sumOf(
  calls: readonly BilledCall[],
  field: 'requests' | 'inputTokens' | 'cachedTokens' | 'outputTokens',
): number {
  return calls.reduce((sum, call) => sum + call[field], 0);
}
