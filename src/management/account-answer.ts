// An account as the API shows it: its row without the secret, and how it is at work.
import { groupOf, healthOf as healthOfMember, quotaOf } from '../pool/view.ts';
import type { AccountRow } from '../storage/storage.ts';
import type { AccountAnswer } from './contract/account.ts';
import type { ManagementParts } from './parts.ts';

type AnswerParts = Pick<ManagementParts, 'configuration' | 'pool' | 'clock'>;

/** The answer for an account row. */
export function presentAccount(parts: AnswerParts, row: AccountRow): AccountAnswer {
  return {
    id: row.id,
    provider_id: row.provider_id,
    label: row.label,
    auth_data: { ...row.auth_hint },
    is_active: row.is_active,
    weight: row.weight,
    priority: row.priority,
    quota_group: quotaGroupOf(parts, row),
    allowed_models: [...row.allowed_models],
    limits: { ...row.limits },
    organization: row.organization,
    project: row.project,
    health: healthOf(parts, row),
    quota: quotaOfRow(parts, row),
    created_at: row.created_at,
    updated_at: row.updated_at,
    last_used_at: lastUsedAt(parts, row),
  };
}

/** Uses are written to the row every few seconds; until then the pool knows of them. */
function lastUsedAt({ pool }: AnswerParts, row: AccountRow): string | null {
  const usedAtMs = pool.member(row.id)?.lastUsedAtMs ?? 0;
  return usedAtMs > 0 ? new Date(usedAtMs).toISOString() : row.last_used_at;
}

/** Why an account is not among the pool's members, as the configuration says it. */
export function problemOf({ configuration }: Pick<ManagementParts, 'configuration'>, id: string): string | undefined {
  const starts = [`account "${id}" `, `accounts row "${id}": `];
  for (const problem of configuration.current().problems) {
    const start = starts.find((candidate) => problem.startsWith(candidate));
    if (start !== undefined) return problem.slice(start.length);
  }
  return undefined;
}

function healthOf(parts: AnswerParts, row: AccountRow): AccountAnswer['health'] {
  const member = parts.pool.member(row.id);
  if (member !== undefined) {
    const { per_model: models, ...whole } = healthOfMember(member, parts.clock.nowMs());
    return { ...whole, per_model: [...models] };
  }
  const reason = problemOf(parts, row.id) ?? 'it is not in force yet';
  return { status: 'disabled', reason, since: null, until: null, per_model: [] };
}

function quotaOfRow({ pool, clock }: AnswerParts, row: AccountRow): AccountAnswer['quota'] {
  const member = pool.member(row.id);
  return member === undefined ? [] : quotaOf(member, clock.nowMs());
}

/** Who shares the account's quota: as set by hand, or as the upstream's answers have shown. */
function quotaGroupOf({ pool }: AnswerParts, row: AccountRow): AccountAnswer['quota_group'] {
  const member = pool.member(row.id);
  if (member === undefined) return { id: row.quota_group, members: [row.id], adds_no_capacity: false };
  const { id, members, adds_no_capacity: addsNone } = groupOf(member, pool.members);
  return { id, members: [...members], adds_no_capacity: addsNone };
}
