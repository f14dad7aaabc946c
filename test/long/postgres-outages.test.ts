// Gateways on a PostgreSQL that they share, and one that freezes, dies, or that no packet reaches any more.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { suite, test, type TestContext } from 'node:test';
import { clientKeyText } from '../../src/core/client-key-text.ts';
import { eventually } from '../support/await.ts';
import { bearer, makeKey, statusWith } from '../support/client-keys.ts';
import { postgresPassword, runSql, startPostgres, withoutPostgres, type PostgresServer } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const masterKey = 'A'.repeat(43) + '=';

/** A way to the server on which packets can be swallowed. */
interface Way extends AsyncDisposable {
  readonly port: number;
  isSwallowing: boolean;
}

async function openWay(port: number): Promise<Way> {
  const way = { isSwallowing: false };
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => void (way.isSwallowing || to.write(data)));
      from.on('error', () => {});
      from.on('close', () => void (way.isSwallowing || to.destroy()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(way, {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function degraded(rig: Rig): Promise<string[]> {
  const answer = (await (await fetch(`${rig.url}/ready`)).json()) as { degraded?: string[] };
  return answer.degraded ?? [];
}

/** A key without a budget, and one with a budget that has not been used yet. */
type Keys = readonly [plain: string, unused: string];

/** How long the slowest of some requests took. */
async function slowest(rig: Rig, count: number, headers: Record<string, string>): Promise<number> {
  let most = 0;
  for (let n = 0; n < count; n += 1) {
    const startedAtMs = performance.now();
    const answer = await rig.post('/v1/chat/completions', chat('gpt-4'), headers);
    await answer.arrayBuffer();
    assert.equal(answer.status, 200);
    most = Math.max(most, performance.now() - startedAtMs);
  }
  return most;
}

suite('a shared PostgreSQL', { skip: withoutPostgres }, () => {
  test("the specification's INSERT holds on every gateway within two seconds, and a key revoked on one is revoked on all", async () => {
    await using server = await startPostgres();
    const settings = { DATABASE_URL: await server.createDatabase(), ENCRYPTION_KEY: masterKey };
    await using first = await startRig({ settings });
    await using second = await startRig({ settings, keys: [] });
    await using third = await startRig({ settings, keys: [] });
    const gateways = [first, second, third];
    const specification = readFileSync(new URL('../fixtures/openai-provider.md', import.meta.url), 'utf8');
    const statement = /```sql\n([\s\S]*?)```/u.exec(specification)?.[1] ?? '';
    await first.manage('DELETE', '/providers/openai');
    await runSql(settings.DATABASE_URL, statement);
    await Promise.all(
      gateways.map((rig) =>
        eventually(
          'the row is in force',
          async () => {
            const models = (await (await fetch(`${rig.url}/v1/models`)).json()) as { data: unknown[] };
            return models.data.length === 2;
          },
          2000,
        ),
      ),
    );
    await first.manage('PATCH', '/providers/openai', { base_url: first.mock.url });
    const { id, key } = await makeKey(second);
    for (const rig of gateways)
      await eventually('the key is known', async () => (await statusWith(rig, key)) === 200, 2000);
    await third.manage('POST', `/keys/${id}/revoke`);
    for (const rig of gateways)
      await eventually('the key is revoked', async () => (await statusWith(rig, key)) === 401, 2000);

    const [connections] = await runSql(
      settings.DATABASE_URL,
      "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE 'aigateway%'",
    );
    assert.ok(Number(connections?.['n']) <= 15, `${String(connections?.['n'])} connections of three gateways`);
    assert.doesNotMatch(server.log(), /deadlock|too many clients|FATAL/u);
  });

  /** What goes on while the database is away, and after it came back. */
  async function endure(rig: Rig, url: string, [key, unused]: Keys, back: () => Promise<void>): Promise<void> {
    const headers = bearer(key);
    await eventually('it is told', async () => (await degraded(rig)).includes('database'), 15_000);
    assert.ok((await slowest(rig, 20, headers)) < 1000, 'nothing waits for the database');
    const stranger = clientKeyText(randomBytes(32));
    await eventually('an unknown key is told to wait', async () => (await statusWith(rig, stranger)) === 503, 5000);
    const startedAtMs = performance.now();
    const refused = await fetch(`${rig.url}/api/v1/routes`);
    assert.equal(refused.status, 503);
    assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'storage_unavailable');
    assert.ok(performance.now() - startedAtMs < 9000);
    const askedAtMs = performance.now();
    assert.equal(await statusWith(rig, unused), 503, 'what the key has spent is not known');
    assert.ok(performance.now() - askedAtMs < 900, 'by now it is known to be away');
    await back();
    await eventually('all is well again', async () => (await degraded(rig)).length === 0, 20_000);
    assert.equal((await fetch(`${rig.url}/api/v1/routes`)).status, 200);
    const sent = rig.mock.journal().requests;
    await eventually(
      'the ledger has every request',
      async () => {
        const [row] = await runSql(
          url,
          'SELECT count(*) AS n, count(DISTINCT id) AS ids FROM requests WHERE status = 200',
        );
        assert.equal(row?.['n'], row?.['ids']);
        return Number(row?.['n']) === sent;
      },
      15_000,
    );
    const [sums] = await runSql(url, 'SELECT sum(requests) AS n FROM usage_quarters');
    const [rows] = await runSql(url, 'SELECT count(*) AS n FROM requests');
    assert.equal(sums?.['n'], rows?.['n']);
  }

  async function startOn(
    context: TestContext,
    server: PostgresServer,
    port = server.port,
  ): Promise<[Rig, string, Keys]> {
    const direct = await server.createDatabase();
    const url = direct.replace(`:${server.port}/`, `:${port}/`);
    const rig = await startRig({ settings: { DATABASE_URL: url, ENCRYPTION_KEY: masterKey } });
    context.after(() => rig.stop());
    const { key } = await makeKey(rig);
    const { key: unused } = await makeKey(rig, { budget: { amount: '10.00', period: 'month' } });
    await eventually('the key is known', async () => (await statusWith(rig, key)) === 200);
    return [rig, direct, [key, unused]];
  }

  test('frozen: known keys are served at once, and afterwards the ledger has it all', async (context) => {
    await using server = await startPostgres();
    const [rig, url, keys] = await startOn(context, server);
    server.signal('SIGSTOP');
    await endure(rig, url, keys, async () => server.signal('SIGCONT'));
    await rig.stop();
  });

  test('killed and started again', async (context) => {
    await using server = await startPostgres();
    const [rig, url, keys] = await startOn(context, server);
    server.signal('SIGKILL');
    await endure(rig, url, keys, () => server.restart());
    await rig.stop();
  });

  test('no packet reaches it any more', async (context) => {
    await using server = await startPostgres();
    await using way = await openWay(server.port);
    const [rig, url, keys] = await startOn(context, server, way.port);
    way.isSwallowing = true;
    await endure(rig, url, keys, async () => {
      way.isSwallowing = false;
    });
    await rig.stop();
  });

  test('a start without it ends in a sentence, soon, and no output holds the password', async () => {
    await using server = await startPostgres();
    const url = await server.createDatabase();
    server.signal('SIGSTOP');
    await using frozen = runProgram(['serve', '--port', '0'], { env: { AIGATEWAY_DATABASE_URL: url } });
    assert.equal(await frozen.exit, 1);
    assert.match(
      frozen.errors(),
      /^aigateway: the database postgres@127\.0\.0\.1:\d+\/\w+ does not answer: no connection within 3000 ms\n$/u,
    );
    server.signal('SIGCONT');
    await using misspelt = runProgram(['doctor'], {
      env: { AIGATEWAY_DATABASE_URL: url.replace('case_', 'no_case_') },
    });
    assert.equal(await misspelt.exit, 1);
    for (const program of [frozen, misspelt])
      assert.ok(!(program.output() + program.errors()).includes(postgresPassword), program.output());
  });
});
