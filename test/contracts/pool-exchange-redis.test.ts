// The exchange between pools over Redis, held to the contract, and what becomes of it when the server goes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RedisUrl } from '../../src/core/redis-url.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { newId } from '../../src/lib/id.ts';
import type { PoolExchange } from '../../src/shared-state/pool-exchange.ts';
import { RedisConnection } from '../../src/shared-state/redis/connection.ts';
import { Membership } from '../../src/shared-state/redis/membership.ts';
import { redisPoolExchange } from '../../src/shared-state/redis/redis-pool-exchange.ts';
import { eventually } from '../support/await.ts';
import { startRedis, withoutRedis, type RedisServer } from '../support/redis.ts';
import { poolExchangeContract, type ExchangeGround } from './pool-exchange.ts';

interface RedisGround extends ExchangeGround {
  readonly server: RedisServer;
}

async function start(): Promise<RedisGround> {
  const server = await startRedis();
  const connections: RedisConnection[] = [];
  return {
    server,
    nowMs: () => systemClock.nowMs(),
    async open() {
      const connection = await RedisConnection.open({
        url: new RedisUrl(server.url),
        clock: systemClock,
        onTrouble() {},
      });
      connections.push(connection);
      const membership = await Membership.join(connection, systemClock, newId('spool', systemClock.nowMs()));
      return redisPoolExchange({ connection, membership, clock: systemClock });
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

poolExchangeContract('Redis', withoutRedis, start);

test(
  'a server that is away hinders nobody; started anew and empty, it is read from the beginning',
  {
    skip: withoutRedis,
  },
  async () => {
    await using ground = await start();
    const exchange = await ground.open();
    const other: PoolExchange = await ground.open();
    const untilMs = ground.nowMs() + 3_600_000;
    exchange.keep([{ name: 'a account ', text: 'a', untilMs }]);
    await eventually('it is kept', async () => (await other.kept())?.length === 1);
    let returns = 0;
    const heard: string[] = [];
    other.onReturn(() => (returns += 1));
    other.onTold((text) => heard.push(text));
    await ground.server.kill();
    await eventually('both notice', () => exchange.isAway && other.isAway, 20_000);
    exchange.tell('lost');
    exchange.keep([{ name: 'b account ', text: 'lost', untilMs }]);
    exchange.forget(['a ']);
    assert.equal(await exchange.kept(), undefined);
    await ground.server.restart();
    await eventually('both are back', () => !exchange.isAway && !other.isAway && returns === 1, 20_000);
    assert.deepEqual(await other.kept(), [], 'what it had is gone with it');
    await eventually('they hear each other again', () => {
      exchange.tell('here again');
      return heard.includes('here again');
    });
    assert.ok(!heard.includes('lost'));
  },
);
