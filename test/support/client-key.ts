// Client keys with limits, as tests need them.
import type { Budget, ClientKey } from '../../src/core/client-key.ts';

/** How a key differs from one without limits; `budget` is nano-dollars a day, by the clocks of UTC. */
export type KeyPart = Partial<Omit<ClientKey, 'budget'>> & { readonly budget?: number | ClientKey['budget'] };

/** A budget of so many nano-dollars a day, by the clocks of UTC. */
export function dailyBudget(amountNanoUsd: number, inForceSince = 1): Budget {
  return { amountNanoUsd, period: 'day', timeZone: 'UTC', inForceSince };
}

/** A key with these limits. */
export function limitedKey({ budget = null, ...part }: KeyPart): ClientKey {
  return {
    id: 'key_test',
    name: 'Test',
    models: [],
    rpm: null,
    tpm: null,
    maxConcurrency: null,
    budget: typeof budget === 'number' ? dailyBudget(budget) : budget,
    limitsMode: 'enforce',
    budgetMode: 'enforce',
    allowsUnpriced: false,
    keepsTranscripts: false,
    expiresAtMs: null,
    ...part,
  };
}
