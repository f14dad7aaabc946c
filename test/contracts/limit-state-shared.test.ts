// Several gateways on one Redis, held to what gateways must do with the limits that they share.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { limitedKey } from '../support/client-key.ts';
import { openKeepers, type Keeper, type Keepers } from '../support/gateway-trio.ts';
import { startRedis, withoutRedis, type RedisServer } from '../support/redis.ts';
import { sharedLimitsContract } from './limit-state-shared.ts';

const period = { startMs: 0, endMs: Infinity };

describe('limits among several gateways', { skip: withoutRedis }, () => {
  let server: RedisServer;
  let cases = 0;
  const open = (count = 3): Promise<Keepers> => {
    cases += 1;
    return openKeepers(`${server.url}?prefix=case${cases}`, { count });
  };
  before(async () => {
    server = await startRedis();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
  });

  sharedLimitsContract('Redis', withoutRedis, open);

  it('who ends and had nothing left in hand leaves nothing behind', async () => {
    await using keepers = await open(2);
    const key = limitedKey({ budget: 1_000_000 });
    const [ending, staying] = keepers.all as [Keeper, Keeper];
    const demand = { tokens: 1, nanoUsd: 1000, period, expiresAtMs: Infinity };
    const decision = await ending.state.reserve(key, demand);
    assert.ok(decision.isAdmitted);
    decision.hold.release();
    decision.hold.settle({ countsAsRequest: true, tokens: 1, nanoUsd: 700 });
    await staying.state.reserve(key, demand);
    await ending.state.close();
    await keepers.advance(40_000);
    await staying.state.reserve(key, demand);
    await keepers.advance(10_000);
    // What all have spent, what the one that stays has spent and holds, by which budget, and when the ledger was read.
    assert.equal(await server.command('HLEN', staying.connection.key(key.id, `money:0:Infinity`)), 5);
  });
});
