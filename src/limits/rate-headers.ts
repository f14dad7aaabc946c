// The headers that tell a client how its key's own limits stand, in OpenAI's spelling, so that what its SDK knows of them works here.
import type { ClientKey } from '../core/client-key.ts';
import { goDuration } from '../lib/go-duration.ts';
import type { Standing, WindowStanding } from '../shared-state/limit-state.ts';

/** What the headers depend on. */
export type LimitedRates = Pick<ClientKey, 'rpm' | 'tpm' | 'limitsMode'>;

/** Adds name and value in turn, for each limit that the key has; nothing while its limits are only watched. */
export function addRateHeaders(list: string[], { rpm, tpm, limitsMode }: LimitedRates, standing: () => Standing): void {
  if (limitsMode === 'shadow' || (rpm === null && tpm === null)) return;
  const { requests, tokens } = standing();
  if (rpm !== null) tell(list, namesOf.requests, rpm, requests);
  if (tpm !== null) tell(list, namesOf.tokens, tpm, tokens);
}

/** Headers of the upstream that are not for this client: they would tell of the account's limits where the key has its own. */
export function hiddenRateHeaders({ rpm, tpm, limitsMode }: LimitedRates): readonly string[] {
  if (limitsMode === 'shadow' || (rpm === null && tpm === null)) return noNames;
  if (rpm !== null && tpm !== null) return allNames;
  return rpm === null ? namesOf.tokens : namesOf.requests;
}

/** Where nothing is hidden. */
export const noNames: readonly string[] = [];

const namesOf = {
  requests: ['x-ratelimit-limit-requests', 'x-ratelimit-remaining-requests', 'x-ratelimit-reset-requests'],
  tokens: ['x-ratelimit-limit-tokens', 'x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens'],
} as const;

const allNames: readonly string[] = [...namesOf.requests, ...namesOf.tokens];

type LimitNames = (typeof namesOf)[keyof typeof namesOf];

function tell(list: string[], names: LimitNames, limit: number, { used, resetMs }: WindowStanding): void {
  const remaining = Math.max(Math.floor(limit - used), 0);
  list.push(names[0], String(limit), names[1], String(remaining), names[2], goDuration(resetMs));
}
