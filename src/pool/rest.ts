// A rest: a bench or an open circuit together with whom it concerns, in a form that other gateways understand.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { failureKinds, type FailureKind } from '../core/failure.ts';
import { activeBench, type Bench } from './bench.ts';
import type { Member } from './member.ts';

/** Who rests: the account, a model on it, a model on all that share its quota, or the circuit of a model on it. */
export type RestScope = 'account' | 'account_model' | 'quota_group_model' | 'circuit';

/** The form of a bench, wherever it is written down. */
export const benchSchema = z.object({
  kind: z.enum(Object.keys(failureKinds) as [FailureKind, ...FailureKind[]]),
  reason: z.string(),
  sinceMs: z.number(),
  untilMs: z.number(),
  strikes: z.number(),
});

const place = {
  accountId: z.string(),
  /** Tells whether the credential is still the one that the rest is about; no part of it. */
  credential: z.string(),
  /** Empty where the whole account rests. */
  model: z.string(),
};

export const restSchema = z.discriminatedUnion('scope', [
  z.object({ ...place, scope: z.enum(['account', 'account_model', 'quota_group_model']), bench: benchSchema }),
  z.object({
    ...place,
    scope: z.literal('circuit'),
    opening: z.object({ reason: z.string(), sinceMs: z.number(), untilMs: z.number(), openings: z.number() }),
  }),
]);

/** Times are ms since the epoch. */
export type Rest = z.infer<typeof restSchema>;

/** A mark of the member's credential, and of the organization and project that it is used for, that does not betray it. */
export function credentialMark({ account }: Member): string {
  const { credentialVersion, organization, project } = account;
  const owner = organization === null && project === null ? '' : JSON.stringify([organization, project]);
  return createHash('sha256').update(credentialVersion).update(owner).digest('base64url').slice(0, 16);
}

/** The member's rest in this scope; undefined where there is none. */
export function restOf(member: Member, scope: RestScope, model: string, nowMs: number): Rest | undefined {
  const where = { accountId: member.account.id, credential: credentialMark(member), model };
  if (scope === 'circuit') {
    const opening = member.models.get(model)?.circuit.opening;
    return opening === undefined || opening.untilMs <= nowMs ? undefined : { ...where, scope, opening };
  }
  const bench = activeBench(benchIn(member, scope, model), nowMs);
  return bench === undefined ? undefined : { ...where, scope, bench };
}

/** All rests of a member. */
export function restsOf(member: Member, nowMs: number): Rest[] {
  const models = [...member.models.keys()];
  return [
    restOf(member, 'account', '', nowMs),
    ...models.map((model) => restOf(member, 'account_model', model, nowMs)),
    ...models.map((model) => restOf(member, 'circuit', model, nowMs)),
    ...[...member.group.models.keys()].map((model) => restOf(member, 'quota_group_model', model, nowMs)),
  ].filter((rest) => rest !== undefined);
}

/** The moment at which it began. */
export function beginOf(rest: Rest): number {
  return rest.scope === 'circuit' ? rest.opening.sinceMs : rest.bench.sinceMs;
}

/** The moment at which it ends. */
export function endOf(rest: Rest): number {
  return rest.scope === 'circuit' ? rest.opening.untilMs : rest.bench.untilMs;
}

/** Takes over a rest that another gateway has found for the same credential; of two ends the later one stays. */
export function adoptRest(member: Member, rest: Rest, nowMs: number): void {
  if (endOf(rest) <= nowMs) return;
  if (rest.scope === 'circuit') {
    member.model(rest.model).circuit.adopt(rest.opening, nowMs);
    return;
  }
  const known = activeBench(benchIn(member, rest.scope, rest.model), nowMs);
  if (known !== undefined && known.untilMs >= rest.bench.untilMs) return;
  if (rest.scope === 'account') member.bench = rest.bench;
  else if (rest.scope === 'account_model') member.model(rest.model).bench = rest.bench;
  else member.group.quota(rest.model).bench = rest.bench;
}

function benchIn(member: Member, scope: Exclude<RestScope, 'circuit'>, model: string): Bench | undefined {
  if (scope === 'account') return member.bench;
  return scope === 'account_model' ? member.models.get(model)?.bench : member.group.known(model)?.bench;
}
