// A Redis cluster of three nodes: the counters held to their contract, keys spread over all nodes, and one node that is killed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RedisUrl } from '../../src/core/redis-url.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { RedisConnection } from '../../src/shared-state/redis/connection.ts';
import { RedisLimitState } from '../../src/shared-state/redis/redis-limit-state.ts';
import { limitStateContract } from '../contracts/limit-state.ts';
import type { LimitStateRig } from '../contracts/limit-state-rig.ts';
import { eventually } from '../support/await.ts';
import { limitedKey } from '../support/client-key.ts';
import { FakeClock } from '../support/clock.ts';
import { openKeepers } from '../support/gateway-trio.ts';
import { patienceMs, startRedis, withoutRedis, type RedisServer } from '../support/redis.ts';

const generous = 60_000;
const slots = 16_384;
const nodes: RedisServer[] = [];
let opened = 0;

/** The cluster's URL, with a prefix that no other case has. */
function freshUrl(): string {
  opened += 1;
  return `${nodes[0]?.url}?cluster=true&prefix=case${opened}`;
}

async function areJoined(): Promise<boolean> {
  const told = await Promise.all(nodes.map((node) => node.command('CLUSTER', 'INFO')));
  return told.every((text) => /cluster_state:ok[^]*cluster_known_nodes:3/u.test(String(text)));
}

async function startCluster(): Promise<void> {
  for (let n = 0; n < 3; n += 1)
    nodes.push(await startRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']));
  for (const [n, node] of nodes.entries()) {
    const from = Math.ceil((n * slots) / nodes.length);
    const to = Math.ceil(((n + 1) * slots) / nodes.length) - 1;
    await node.command('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`);
    await node.command('CLUSTER', 'SET-CONFIG-EPOCH', `${n + 1}`);
  }
  for (const other of nodes.slice(1)) await nodes[0]?.command('CLUSTER', 'MEET', '127.0.0.1', `${other.port}`);
  await eventually('the nodes have found each other', areJoined, generous);
}

async function open(): Promise<LimitStateRig> {
  const clock = new FakeClock();
  const url = new RedisUrl(freshUrl());
  const connection = await RedisConnection.open({ url, clock: systemClock, callMs: patienceMs, onTrouble: () => {} });
  const state = new RedisLimitState({
    connection,
    membership: { id: 'gw_one', gateways: 1 },
    clock,
    history: {
      spentSince: async (keyId, fromMs) => rig.ledger(keyId, fromMs),
      spentByGone: async () => undefined,
      sync: async () => {},
    },
    isOpenWithoutRedis: false,
    sharedNowMs: () => clock.nowMs(),
  });
  const rig: LimitStateRig = {
    state,
    nowMs: () => clock.nowMs(),
    async advance(ms) {
      await clock.advance(ms);
      await state.quiet();
    },
    ledger: () => 0,
    async close() {
      await state.close();
      connection.close();
    },
  };
  return rig;
}

describe('a cluster of three', { skip: withoutRedis }, () => {
  before(startCluster);
  after(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  });

  limitStateContract('Redis cluster', open);

  it('keys of all nodes are shared by three gateways, and each keeps its limit; a killed node is an outage that ends by itself', async () => {
    await using keepers = await openKeepers(freshUrl());
    const keys = Array.from({ length: 60 }, (_, n) => limitedKey({ id: `key_${n}`, rpm: 9, budget: 1_000_000 }));
    const period = { startMs: 0, endMs: Infinity };
    const expiresAtMs = keepers.clock.nowMs() + 600_000;
    for (const key of keys) {
      let admitted = 0;
      for (let n = 0; n < 15; n += 1) {
        const keeper = keepers.all[n % keepers.all.length];
        const decision = await keeper?.state.reserve(key, { tokens: 1, nanoUsd: 10, period, expiresAtMs });
        if (decision?.isAdmitted === true) admitted += 1;
      }
      assert.equal(admitted, 9, key.id);
    }
    const sizes = await Promise.all(nodes.map((node) => node.command('DBSIZE')));
    assert.ok(
      sizes.every((size) => Number(size) >= 20),
      String(sizes),
    );

    await nodes[2]?.kill();
    // Whichever keys are asked for, the gateway notices.
    await eventually(
      'the outage is noticed by all',
      async () => {
        for (const { state, connection } of keepers.all)
          if (!connection.isAway)
            for (const key of keys) await Promise.resolve(state.money(key, period)).catch(() => undefined);
        await keepers.advance(1000);
        return keepers.all.every(({ connection }) => connection.isAway);
      },
      generous,
    );
    await nodes[2]?.restart();
    await eventually('the cluster is whole again', areJoined, generous);
    await eventually('all are back', () => keepers.all.every(({ connection }) => !connection.isAway), generous);
    await keepers.advance(2000);
    for (const key of keys) {
      const money = await keepers.all[0]?.state.money(key, period);
      assert.ok(money !== undefined && money.reservedNanoUsd >= 0);
    }
  });
});
