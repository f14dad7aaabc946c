// The way from the embedded database to PostgreSQL, while the gateway serves.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { keepAsking } from '../support/asking.ts';
import { eventually } from '../support/await.ts';
import { bearer, makeKey, statusWith } from '../support/client-keys.ts';
import { runOutside } from '../support/outside-sql.ts';
import { postgresPassword, runSql, sharedPostgres, withoutPostgres } from '../support/postgres.ts';
import { runProgram } from '../support/program.ts';
import { chat, clientOf, startRig, type Rig } from '../support/rig.ts';

const embedded = { DATABASE_URL: 'sqlite:' };

async function move(
  rig: Rig,
  to: string,
  ...more: string[]
): Promise<{ code: number | string; output: string; errors: string }> {
  const url = new URL(to);
  url.password = '';
  await using program = runProgram(['db', 'move', '--data-dir', rig.folder, '--to', url.toString(), ...more], {
    env: { PGPASSWORD: postgresPassword },
  });
  const code = await program.exit;
  return { code, output: program.output(), errors: program.errors() };
}

const ledgerSums = `SELECT (SELECT count(*) FROM requests) AS requests, (SELECT count(*) FROM attempts) AS attempts,
  (SELECT sum(requests) FROM usage_quarters) AS summed, (SELECT sum(total_tokens) FROM usage_quarters) AS tokens,
  (SELECT sum(total_tokens) FROM attempts) AS counted`;

suite('db move', { skip: withoutPostgres }, () => {
  test('under traffic: nobody fails, everything is there, and what came meanwhile is added', async () => {
    await using rig = await startRig({ settings: embedded });
    const url = await (await sharedPostgres()).createDatabase();
    const { key } = await makeKey(rig, { name: 'Team' });
    await rig.manage('POST', '/routes', { pattern: 'my-*', provider_id: 'openai', model: 'gpt-4' });
    await eventually('the key is known', async () => (await statusWith(rig, key)) === 200);
    const headers = bearer(key);
    const ask = (stream: boolean): Promise<Response> =>
      rig.post('/v1/chat/completions', chat(stream ? 'my-model' : 'gpt-4', { stream }), headers);
    const asking = keepAsking(ask, 4);
    await eventually('there is something to move', () => asking.begun() > 50, 30_000);
    const first = await move(rig, url);
    assert.equal(first.code, 0, first.errors);
    assert.match(first.output, /^requests +\d+ rows {2}sha256 [0-9a-f]{16}$/mu);
    assert.match(first.output, /^the same on both sides; /mu);
    assert.ok(!(first.output + first.errors).includes(postgresPassword));
    const again = await move(rig, url);
    assert.equal(again.code, 0, again.errors);

    await using next = runProgram(['serve', '--port', '0', '--data-dir', rig.folder], {
      env: { AIGATEWAY_DATABASE_URL: url, AIGATEWAY_LOG_LEVEL: 'warn' },
    });
    const client = clientOf(await next.url);
    assert.equal(await statusWith(client, key), 200, 'the key, the account and its sealed credential have come along');
    const routes = await client.manage<{ data: { pattern: string }[] }>('GET', '/routes');
    assert.deepEqual(
      routes.data.map(({ pattern }) => pattern),
      ['my-*'],
    );
    const refused = await move(rig, url);
    assert.equal(refused.code, 1);
    assert.match(refused.errors, /a gateway uses the database .* already; stop it, or add .* with --rest/u);

    const { failures, count } = await asking.stop();
    assert.deepEqual(failures, []);
    assert.ok(count > 50);
    await rig.stop();
    next.process.kill('SIGTERM');
    assert.equal(await next.exit, 0, next.errors());
    // The rig has taken its folder along; what it served is what the fake upstream saw.
    const [there] = await runSql(url, ledgerSums);
    assert.equal(there?.['requests'], there?.['summed']);
    assert.equal(there?.['tokens'], there?.['counted']);
  });

  test('what the old database got after the copy is added once; a move that was broken off goes on', async () => {
    await using rig = await startRig({ settings: embedded });
    const file = join(rig.folder, 'aigateway.db');
    const url = await (await sharedPostgres()).createDatabase();
    for (let n = 0; n < 20; n += 1) await (await rig.post('/v1/chat/completions', chat('gpt-4'))).text();
    await eventually(
      'the ledger has it',
      async () => (await runOutside(file, ledgerSums))[0]?.['requests'] === 20,
      15_000,
    );
    await using killed = runProgram(['db', 'move', '--data-dir', rig.folder, '--to', url]);
    setTimeout(() => killed.process.kill('SIGKILL'), 400);
    await killed.exit;
    const moved = await move(rig, url);
    assert.equal(moved.code, 0, moved.errors);
    for (let n = 0; n < 7; n += 1) await (await rig.post('/v1/chat/completions', chat('gpt-4'))).text();
    await eventually(
      'the ledger has it',
      async () => (await runOutside(file, ledgerSums))[0]?.['requests'] === 27,
      15_000,
    );
    // As of a gateway that was killed: its end was never heard of.
    await runOutside(file, 'UPDATE requests SET duration_ms = NULL WHERE id = (SELECT max(id) FROM requests)');
    assert.equal((await move(rig, url, '--rest')).output, '7 requests added\n');
    assert.equal((await move(rig, url, '--rest')).output, '0 requests added\n');
    const [here] = await runOutside(file, ledgerSums);
    const [there] = await runSql(url, ledgerSums);
    assert.deepEqual({ ...there }, { ...here });
    const [audit] = await runSql(url, 'SELECT count(*) AS n FROM audit');
    const [old] = await runOutside(file, 'SELECT count(*) AS n FROM audit');
    assert.deepEqual({ ...audit }, { ...old });
  });

  test('what cannot be moved, or not to there, is said', async () => {
    await using rig = await startRig({ settings: embedded });
    const wrong = await move(rig, 'postgres://nobody_here@127.0.0.1:1/nowhere');
    assert.equal(wrong.code, 1);
    assert.match(wrong.errors, /nothing listens at 127\.0\.0\.1:1/u);
    await using without = runProgram(['db', 'move', '--data-dir', rig.folder]);
    assert.equal(await without.exit, 2);
    assert.match(without.errors(), /say where to: aigateway db move --to postgres:/u);
    await using nothing = runProgram(['db', 'move', '--data-dir', join(rig.folder, 'x'), '--to', 'postgres://a@b/c']);
    assert.equal(await nothing.exit, 1);
    assert.match(nothing.errors(), /there is no database .*; check --data-dir/u);
  });
});
