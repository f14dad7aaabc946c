// The connection to Redis: its forms, and what becomes of calls when the server is frozen, killed, cut off, or full.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { RedisUrl } from '../../src/core/redis-url.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { RedisConnection } from '../../src/shared-state/redis/connection.ts';
import { Membership } from '../../src/shared-state/redis/membership.ts';
import { defineScript } from '../../src/shared-state/redis/script.ts';
import { eventually } from '../support/await.ts';
import { freePort, openLine, redisPassword, startRedis, withoutRedis } from '../support/redis.ts';
import { makeCertificate } from '../support/certificate.ts';

const count = defineScript('test', `return redis.call('INCRBY', KEYS[1], ARGV[1])`);
const generous = 20_000;

interface Opened extends Disposable {
  readonly connection: RedisConnection;
  /** Changes of state as they were told: the message of an outage, or "well". */
  readonly told: string[];
  add(): Promise<unknown>;
}

async function open(url: string): Promise<Opened> {
  const told: string[] = [];
  const connection = await RedisConnection.open({
    url: new RedisUrl(url),
    clock: systemClock,
    onTrouble: (error) => void told.push(error === undefined ? 'well' : inspect(error)),
  });
  return {
    connection,
    told,
    add: () => connection.run(count, [connection.key('some', 'count')], ['1']),
    [Symbol.dispose]: () => connection.close(),
  };
}

async function untilWell({ connection }: Opened): Promise<void> {
  await eventually('Redis is back', () => !connection.isAway, generous);
}

describe('connection to Redis', { skip: withoutRedis }, () => {
  it('runs scripts, with password, database and prefix, and knows them again after the server forgot them', async () => {
    await using server = await startRedis();
    using opened = await open(`${server.url}/3?prefix=one`);
    assert.deepEqual([await opened.add(), await opened.add()], [1, 2]);
    await server.command('SCRIPT', 'FLUSH');
    assert.equal(await opened.add(), 3);
    assert.equal(await server.command('DBSIZE'), 0);
    using other = await open(`${server.url}/3?prefix=two`);
    assert.equal(await other.add(), 1);
    assert.deepEqual([...opened.told, ...other.told], []);
  });

  it('hears messages, also after an outage', async () => {
    await using server = await startRedis();
    using opened = await open(server.url);
    const { connection } = opened;
    const channel = connection.key('news', 'all');
    const heard: string[] = [];
    const stop = connection.subscribe(channel, (message) => void heard.push(message));
    await eventually('the first is heard', async () => {
      await connection.publish(channel, 'a');
      return heard.includes('a');
    });
    await server.kill();
    await eventually('it is away', () => connection.isAway, generous);
    await server.restart();
    await untilWell(opened);
    await connection.publish(channel, 'b');
    await eventually('the second is heard', () => heard.includes('b'));
    stop();
    const before = heard.length;
    await connection.publish(channel, 'c');
    await opened.add();
    assert.equal(heard.length, before);
  });

  const outages: readonly {
    readonly name: string;
    readonly begin: (
      server: Awaited<ReturnType<typeof startRedis>>,
      line: Awaited<ReturnType<typeof openLine>>,
    ) => unknown;
    readonly end: (
      server: Awaited<ReturnType<typeof startRedis>>,
      line: Awaited<ReturnType<typeof openLine>>,
    ) => unknown;
  }[] = [
    { name: 'frozen', begin: (server) => server.signal('SIGSTOP'), end: (server) => server.signal('SIGCONT') },
    { name: 'killed', begin: (server) => server.kill(), end: (server) => server.restart() },
    { name: 'cut off', begin: (_, line) => line.swallow(), end: (_, line) => line.heal() },
    {
      name: 'full',
      begin: (server) => server.command('CONFIG', 'SET', 'maxmemory', '1'),
      end: (server) => server.command('CONFIG', 'SET', 'maxmemory', '0'),
    },
  ];
  for (const { name, begin, end } of outages)
    it(`${name}: calls fail, then fail at once, and succeed again when it is over; each is told once`, async () => {
      await using server = await startRedis();
      await using line = await openLine(server.port);
      using opened = await open(server.url.replace(`:${server.port}`, `:${line.port}`));
      assert.equal(await opened.add(), 1);
      await begin(server, line);
      await eventually(
        'the outage is noticed',
        async () => {
          await assert.rejects(opened.add());
          return opened.connection.isAway;
        },
        generous,
      );
      const { calls } = opened.connection;
      await assert.rejects(opened.add(), { name: 'RedisAwayError', message: 'Redis does not answer' });
      assert.equal(opened.connection.calls, calls);
      await end(server, line);
      await untilWell(opened);
      await opened.add();
      assert.deepEqual(opened.told.slice(1), ['well']);
      assert.ok(!opened.told.join().includes(redisPassword));
    });

  it('away at the start: opens all the same, and connects when it comes', async () => {
    await using server = await startRedis();
    await server.kill();
    using opened = await open(server.url);
    assert.ok(opened.connection.isAway);
    await server.restart();
    await untilWell(opened);
    assert.equal(await opened.add(), 1);
    assert.equal(opened.told.length, 2);
  });

  it('a wrong password is an outage that names no password', async () => {
    await using server = await startRedis();
    using opened = await open(server.url.replace(redisPassword, 'wrong-password-canary'));
    assert.ok(opened.connection.isAway);
    assert.match(opened.told.join(), /WRONGPASS/u);
    assert.ok(!opened.told.join().includes('canary'));
  });

  it('encrypts, and trusts nobody but the authority that it was given', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-tls-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const made = makeCertificate(folder);
    if (made === undefined) {
      context.skip('there is no openssl here');
      return;
    }
    const { cert, key } = made;
    const tlsPort = await freePort();
    const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert];
    await using server = await startRedis(['--tls-port', `${tlsPort}`, '--tls-auth-clients', 'no', ...files]);
    const url = server.url.replace('redis:', 'rediss:').replace(`127.0.0.1:${server.port}`, `localhost:${tlsPort}`);
    using trusted = await open(`${url}?ca=${encodeURIComponent(cert)}`);
    assert.equal(await trusted.add(), 1);
    using strange = await open(url);
    assert.ok(strange.connection.isAway);
    assert.match(strange.told.join(), /self-signed certificate/u);
  });

  it('gateways know how many they are, and forget who is silent', async () => {
    await using server = await startRedis();
    using first = await open(server.url);
    using second = await open(server.url);
    const alone = await Membership.join(first.connection, systemClock, 'spool_1');
    assert.equal(alone.gateways, 1);
    await server.command('ZADD', first.connection.key('gateways', 'seen'), '1000', 'gw_long_gone');
    const other = await Membership.join(second.connection, systemClock, 'spool_2');
    assert.equal(other.gateways, 2);
    await eventually('the first has heard of the second', () => alone.gateways === 2, generous);
    await server.kill();
    await eventually('it is away', () => first.connection.isAway, generous);
    assert.equal(alone.gateways, 2);
    await server.restart();
    await untilWell(first);
    assert.equal(alone.gateways, 2);
    await untilWell(second);
    await eventually(
      'both are noted again',
      async () => {
        return (await server.command('ZCARD', first.connection.key('gateways', 'seen'))) === 2;
      },
      generous,
    );
    await Promise.all([alone.leave(), other.leave()]);
    assert.equal(await server.command('ZCARD', first.connection.key('gateways', 'seen')), 0);
  });

  it('works with a cluster: what has one tag is on one node', async () => {
    await using server = await startRedis(['--cluster-enabled', 'yes']);
    await server.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await eventually('the cluster is ready', async () =>
      String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    );
    using opened = await open(`${server.url}?cluster=true`);
    const { connection } = opened;
    assert.equal(await opened.add(), 1);
    const two = defineScript('test', `redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 2) return 2`);
    assert.equal(await connection.run(two, [connection.key('x', 'a'), connection.key('x', 'b')], []), 2);
    await assert.rejects(connection.run(two, [connection.key('x', 'a'), connection.key('y', 'a')], []), /CROSSSLOT/u);
    const heard: string[] = [];
    connection.subscribe('news', (message) => void heard.push(message));
    await eventually('a message is heard', async () => {
      await connection.publish('news', 'a');
      return heard.length > 0;
    });
    await server.kill();
    await eventually('the outage is noticed', () => connection.isAway, generous);
  });
});
