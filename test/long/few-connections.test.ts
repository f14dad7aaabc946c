// Four gateways on a PostgreSQL that takes twenty connections, all with requests of one key: none is refused, none is stuck.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { startMock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { makeKey, statusWith } from '../support/client-keys.ts';
import { runSql, startPostgres, withoutPostgres } from '../support/postgres.ts';
import { runProgram, type Program } from '../support/program.ts';
import { clientOf, setUp, type RigClient } from '../support/rig.ts';

const gateways = 4;
/** As the page on PostgreSQL says. */
const mostEach = 4;
const lanesEach = 8;
const forMs = 20_000;

/** What ends on the server because it had no place, or because two waited for each other. */
const trouble = /deadlock|too many clients|connection slots|FATAL/u;

test('four gateways, max_connections=20, one key', { skip: withoutPostgres }, async (context) => {
  await using server = await startPostgres(['max_connections=20']);
  const asOwner = await server.createDatabase();
  const database = new URL(asOwner).pathname.slice(1);
  // Not the server's administrator, for whom three places are kept.
  await runSql(asOwner, `CREATE ROLE gateway LOGIN PASSWORD 'only-here'; ALTER DATABASE ${database} OWNER TO gateway`);
  const url = `postgres://gateway:only-here@127.0.0.1:${server.port}/${database}`;
  const mock = await startMock({ port: 0, script: { rpm: 1e8, tpm: 1e10, delay_ms: 20 } });
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-test-'));
  const programs: Program[] = Array.from({ length: gateways }, (_, n) =>
    runProgram(['serve', '--port', '0', '--data-dir', join(folder, String(n))], {
      env: {
        AIGATEWAY_DATABASE_URL: url,
        AIGATEWAY_ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
        AIGATEWAY_LOG_LEVEL: 'warn',
        AIGATEWAY_DRAIN_TIMEOUT_MS: '1000',
      },
    }),
  );
  try {
    const clients = (await Promise.all(programs.map((program) => program.url))).map((at) => clientOf(at));
    const [first] = clients as [RigClient, ...RigClient[]];
    await setUp(first, mock, ['sk-few-connections-0001', 'sk-few-connections-0002']);
    // A budget too: what is spent is asked of the database.
    const { key } = await makeKey(first, { rpm: 10_000_000, max_concurrency: 1000, budget: { amount: '1000000' } });
    for (const client of clients)
      await eventually('the key is known', async () => (await statusWith(client, key)) === 200, 20_000);

    let [answered, connections] = [0, 0];
    const untilMs = performance.now() + forMs;
    const isOver = (): boolean => performance.now() > untilMs;
    const ask = async (client: RigClient): Promise<void> => {
      while (!isOver()) {
        assert.equal(await statusWith(client, key), 200);
        answered += 1;
      }
    };
    const administer = async (): Promise<void> => {
      for (let n = 0; !isOver(); n += 1) {
        await Promise.all(
          clients.map(async (client) => {
            await client.manage('GET', '/usage?group_by=hour,key');
            if (n % gateways === clients.indexOf(client)) await makeKey(client);
          }),
        );
        await sleep(50);
      }
    };
    const watch = async (): Promise<void> => {
      while (!isOver()) {
        const rows = await runSql(
          asOwner,
          `SELECT count(*) AS n FROM pg_stat_activity WHERE usename = 'gateway' GROUP BY usename`,
        );
        connections = Math.max(connections, Number(rows[0]?.['n'] ?? 0));
        await sleep(20);
      }
    };
    const lanes = clients.flatMap((client) => Array.from({ length: lanesEach }, () => ask(client)));
    await Promise.all([...lanes, administer(), watch()]);

    context.diagnostic(`${answered} requests in ${forMs} ms, at most ${connections} connections`);
    assert.ok(connections >= 2 * gateways && connections <= mostEach * gateways, `${connections} connections`);
    const sent = mock.journal().requests;
    assert.ok(sent >= answered);
    await eventually('all is in the ledger', async () => (await attemptsIn(asOwner)) >= sent, 60_000);
    assert.equal(await attemptsIn(asOwner), sent);
    const [sums] = await runSql(asOwner, 'SELECT sum(attempts) AS n FROM usage_quarters');
    assert.equal(sums?.['n'], sent);
    assert.doesNotMatch(server.log(), trouble);
    for (const program of programs) {
      program.process.kill('SIGTERM');
      assert.equal(await program.exit, 0);
      assert.doesNotMatch(program.output(), /"level":(?:50|60)|"level":"error"/u);
    }
  } finally {
    for (const program of programs) await program[Symbol.asyncDispose]();
    await mock.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

async function attemptsIn(url: string): Promise<number> {
  const [row] = await runSql(url, 'SELECT count(*) AS n FROM attempts WHERE duration_ms IS NOT NULL');
  return Number(row?.['n']);
}
