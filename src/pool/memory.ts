// What the pool remembers over a restart, as far as it is still true then: benches, owners, and what was left.
import { z } from 'zod';
import { activeBench, type Bench } from './bench.ts';
import type { Pool } from './pool.ts';
import { benchSchema as bench, credentialMark } from './rest.ts';

/** The name of the note that keeps the memory. */
export const poolMemory = 'pool_memory';

/** After a minute everything has refilled. */
const windowMs = 60_000;

const left = z.object({ limit: z.number(), remaining: z.number() }).nullable();

const memorySchema = z.object({
  savedAtMs: z.number(),
  members: z.array(
    z.object({
      account_id: z.string(),
      /** Tells whether the credential is still the one that the benches are about; no part of it. */
      credential: z.string(),
      owner: z.object({ organization: z.string().exactOptional(), project: z.string().exactOptional() }),
      bench: bench.nullable(),
      models: z.array(z.object({ model: z.string(), bench })),
      quotas: z.array(
        z.object({
          model: z.string(),
          bench: bench.nullable(),
          /** Missing in the notes of older versions. */
          observedAtMs: z.number().exactOptional(),
          requests: left,
          tokens: left,
          /** What is left of the limits set by hand. Missing in the notes of older versions. */
          byHand: z.object({ requests: z.number().nullable(), tokens: z.number().nullable() }).exactOptional(),
        }),
      ),
    }),
  ),
});

/** The pool's memory as text. */
export function remember(pool: Pool, nowMs: number): string {
  const members = pool.members.map((member) => ({
    account_id: member.account.id,
    credential: credentialMark(member),
    owner: member.owner,
    bench: activeBench(member.bench, nowMs) ?? null,
    models: [...member.models].flatMap(([model, state]) => {
      const active = activeBench(state.bench, nowMs);
      return active === undefined ? [] : [{ model, bench: active }];
    }),
    quotas: [...member.group.models].map(([model, { bench: rest, observedAtMs, requests, tokens }]) => ({
      model,
      bench: activeBench(rest, nowMs) ?? null,
      observedAtMs,
      requests: requests.told(nowMs),
      tokens: tokens.told(nowMs),
      byHand: { requests: requests.ceiling?.left(nowMs) ?? null, tokens: tokens.ceiling?.left(nowMs) ?? null },
    })),
  }));
  return JSON.stringify({ savedAtMs: nowMs, members } satisfies z.input<typeof memorySchema>);
}

/** Takes over what is still true of a memory; anything else, a damaged text too, is passed over. */
export function recall(pool: Pool, text: string, nowMs: number): void {
  const memory = memorySchema.safeParse(parse(text));
  if (!memory.success) return;
  const { savedAtMs, members } = memory.data;
  for (const known of members) {
    const member = pool.member(known.account_id);
    if (member === undefined || credentialMark(member) !== known.credential) continue;
    if (known.owner.organization !== undefined) pool.onOwner(member, known.owner);
    member.bench = stillActive(known.bench, nowMs);
    for (const { model, bench: rest } of known.models) member.model(model).bench = stillActive(rest, nowMs);
    for (const { model, bench: rest, observedAtMs = 0, requests, tokens, byHand } of known.quotas) {
      const quota = member.group.quota(model);
      quota.bench = stillActive(rest, nowMs);
      quota.observedAtMs = Math.max(quota.observedAtMs, observedAtMs);
      if (nowMs - savedAtMs >= windowMs) continue;
      if (requests !== null) quota.requests.learn(requests, savedAtMs);
      if (tokens !== null) quota.tokens.learn(tokens, savedAtMs);
      quota.requests.ceiling?.recall(byHand?.requests ?? quota.requests.ceiling.limit, savedAtMs);
      quota.tokens.ceiling?.recall(byHand?.tokens ?? quota.tokens.ceiling.limit, savedAtMs);
    }
  }
}

function stillActive(rest: Bench | null, nowMs: number): Bench | undefined {
  return activeBench(rest ?? undefined, nowMs);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
