// Tests who rests where an upstream says that a whole organization is at its limit: all its projects, for that model.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import { poolAccount } from '../../test/support/pool-account.ts';
import { failureOf, type FailureScope } from '../core/failure.ts';
import { Lease } from './lease.ts';
import { Pool } from './pool.ts';

const owners: Readonly<Record<string, { organization?: string; project?: string }>> = {
  one: { organization: 'org', project: 'proj_1' },
  two: { organization: 'org', project: 'proj_2' },
  'two again': { organization: 'org', project: 'proj_2' },
  'by hand': { organization: 'org', project: 'proj_3' },
  foreign: { organization: 'org-other', project: 'proj_4' },
  'not known': {},
};

/** Who rests for gpt-4 after the first account was refused, and whether it rests for another model. */
function restingAfter(scope: FailureScope, refused: string): { resting: string[]; told: string[]; others: boolean } {
  const pool = new Pool();
  const clock = new FakeClock();
  const told: string[] = [];
  pool.apply({
    accounts: Object.keys(owners).map((id) => poolAccount(id, id === 'by hand' ? { quotaGroup: 'mine' } : {})),
  });
  for (const [id, owner] of Object.entries(owners)) {
    const member = pool.member(id) ?? assert.fail(id);
    if (Object.keys(owner).length > 0) pool.onOwner(member, owner);
  }
  pool.tellBy({
    parties: 1,
    onTaken() {},
    onReading() {},
    onOwner() {},
    onLifted() {},
    onRest: ({ account }, restScope, model) => void told.push(`${account.id} ${restScope} ${model}`),
  });
  const tried = Object.keys(owners).filter((id) => id !== refused);
  const lease = pool.acquire({ providerId: 'openai', model: 'gpt-4', tokens: 10, tried }, clock.nowMs(), 0);
  assert.ok(lease instanceof Lease);
  lease.report(failureOf('rate_limited', 'no.', { scope, retryAfterMs: 5000 }), clock.nowMs());
  lease[Symbol.dispose]();
  const rests = (id: string, model: string): boolean =>
    pool.member(id)?.group.benchFor(model, clock.nowMs()) !== undefined;
  return {
    resting: Object.keys(owners).filter((id) => rests(id, 'gpt-4')),
    told,
    others: Object.keys(owners).some((id) => rests(id, 'gpt-4o')),
  };
}

test('its projects rest for that model, each group told once; who is grouped by hand and other organizations do not', () => {
  assert.deepEqual(restingAfter('organization_model', 'one'), {
    resting: ['one', 'two', 'two again'],
    told: ['one quota_group_model gpt-4', 'two quota_group_model gpt-4'],
    others: false,
  });
});

for (const [name, scope, refused] of [
  ['the limit of one project', 'quota_group_model', 'one'],
  ['a group that was made by hand', 'organization_model', 'by hand'],
  ['an account whose organization is not known', 'organization_model', 'not known'],
] as const)
  test(`${name} rests alone`, () => assert.deepEqual(restingAfter(scope, refused).resting, [refused]));
