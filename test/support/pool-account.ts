// An account as the pool gets it, for tests of the pool: equal to every other but for what is given.
import type { Account } from '../../src/core/account.ts';
import { Secret } from '../../src/core/secret.ts';

/** An active account of `openai` without limits. */
export function poolAccount(id: string, change: Partial<Account> = {}): Account {
  return {
    id,
    providerId: 'openai',
    label: id,
    credential: new Secret(`sk-${id}`),
    authHeaders: () => [],
    credentialVersion: id,
    isActive: true,
    weight: 1,
    priority: 0,
    quotaGroup: null,
    allowedModels: [],
    limits: {},
    organization: null,
    project: null,
    ...change,
  };
}
