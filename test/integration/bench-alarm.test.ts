// What tells an operator that an account has dropped out, though every client was served: the log and the metrics.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startMock } from '../../src/mock/server.ts';
import { eventually } from '../support/await.ts';
import { runProgram } from '../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'aigateway-alarm-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('an account out of credit: one warning, a gauge, and nothing of its key', async () => {
  const [empty, full] = ['sk-proj-alarm-empty-0001', 'sk-proj-alarm-full-00002'];
  const mock = await startMock({ script: { keys: { [empty]: { fault: '429-insufficient-quota' } } } });
  after(() => mock.close());
  const env = { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: folder };
  await using program = runProgram([], { env });
  const url = await program.url;
  const send = async (method: string, path: string, body: unknown): Promise<Response> => {
    const response = await fetch(url + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, await response.clone().text());
    return response;
  };
  await send('PATCH', '/api/v1/providers/openai', { base_url: mock.url });
  for (const [id, api_key, priority] of [
    ['acc_empty', empty, 1],
    ['acc_full', full, 0],
  ])
    await send('POST', '/api/v1/accounts', { id, provider_id: 'openai', label: id, auth_data: { api_key }, priority });
  const chat = { model: 'gpt-4', messages: [{ role: 'user', content: 'hi' }] };
  for (let i = 0; i < 3; i += 1) await (await send('POST', '/v1/chat/completions', chat)).text();
  await eventually('a warning', async () => program.output().includes('an account is benched'), 5000);
  const lines = program
    .output()
    .split('\n')
    .filter((line) => line.includes('an account is benched'));
  assert.equal(lines.length, 1);
  const { level, account_id, provider_id, label, kind, until } = JSON.parse(lines[0] ?? '') as Record<string, string>;
  assert.deepEqual([level, account_id, provider_id, label], ['warn', 'acc_empty', 'openai', 'acc_empty']);
  assert.equal(kind, 'insufficient_quota');
  assert.ok(Date.parse(until ?? '') > Date.now());
  const gauge = async (): Promise<string | undefined> =>
    /^aigateway_account_benched\{.*$/mu.exec(await (await fetch(`${url}/metrics`)).text())?.[0];
  assert.equal(
    await gauge(),
    'aigateway_account_benched{provider_id="openai",account_id="acc_empty",reason="insufficient_quota"} 1',
  );
  await send('POST', '/api/v1/accounts/acc_empty/unbench', {});
  assert.equal(await gauge(), undefined);
  const attempts = async (): Promise<string[]> =>
    [...(await (await fetch(`${url}/metrics`)).text()).matchAll(/^aigateway_attempts_total\{.*account_id="(\w+)"/gmu)]
      .map(([, id = '']) => id)
      .sort();
  assert.equal((await fetch(`${url}/api/v1/accounts/acc_empty`, { method: 'DELETE' })).status, 204);
  assert.deepEqual(await attempts(), ['acc_empty', 'acc_full'], 'once more, with all that it has done');
  assert.deepEqual(await attempts(), ['acc_full']);
});
