// Explains where a request would go, from the very functions that decide it, without sending it.
import type { ExplainedCandidate, Explanation } from '../core/explanation.ts';
import type { Candidate } from '../pool/select.ts';
import { estimateTokens, parseRequest } from './parse.ts';
import { routeModel } from './route.ts';
import type { GatewayParts } from './work.ts';

/** Parts of the data plane that an explanation is made from. */
export type ExplainParts = Pick<GatewayParts, 'configuration' | 'modelPrefixes' | 'pool' | 'clock'>;

/** Explains the request with this body; throws the `GatewayError` that the request itself would get for it. */
export function explain({ configuration, modelPrefixes, pool, clock }: ExplainParts, body: Uint8Array): Explanation {
  const request = parseRequest(body);
  const { provider, model, because } = routeModel(configuration(), modelPrefixes, request.model);
  const nowMs = clock.nowMs();
  const wish = { providerId: provider.id, model, tokens: estimateTokens(request), tried: [] };
  const candidates = pool.judge(wish, nowMs);
  return {
    provider_id: provider.id,
    model,
    route: because,
    candidates: candidates.map(explainCandidate),
    order: pool.orderOf(wish, candidates).map(({ member }) => member.account.id),
  };
}

function explainCandidate({
  member,
  obstacles,
  bench,
  score,
  leftRequests,
  leftTokens,
}: Candidate): ExplainedCandidate {
  return {
    account_id: member.account.id,
    label: member.account.label,
    eligible: obstacles.length === 0,
    reasons: obstacles.flatMap((obstacle) =>
      obstacle === 'benched' && bench !== undefined ? [obstacle, bench.kind] : [obstacle],
    ),
    score: Number(score.toFixed(6)),
    headroom_requests: countOf(leftRequests),
    headroom_tokens: countOf(leftTokens),
    quota_group: member.group.sharedId,
  };
}

function countOf(left: number): number | null {
  return Number.isFinite(left) ? Math.max(Math.floor(left), 0) : null;
}
