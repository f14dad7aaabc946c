// `aigateway chaos` on a configuration of its own: it plays through every scenario, by its routes and fallbacks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runProgram } from '../support/program.ts';
import { startRig } from '../support/rig.ts';

interface Row {
  readonly scenario: string;
  readonly mode: string;
  readonly problems: readonly string[];
}

test('plays through its routes and fallbacks, and leaves it alone', async () => {
  await using rig = await startRig();
  await rig.manage('POST', '/providers', {
    id: 'acme',
    name: 'Acme',
    base_url: `${rig.mock.url}/api/v1`,
    supported_models: ['acme-large'],
    config: { key_prefixes: ['acme-'], path_prefix: '/openai' },
  });
  await rig.manage('POST', '/routes', {
    pattern: 'acme-*',
    provider_id: 'acme',
    model: 'large-2',
    fallbacks: [{ provider_id: 'openai', model: 'gpt-4', on: ['policy_refused', 'request_too_large'] }],
  });
  const state = async (): Promise<unknown> => [
    await rig.manage('GET', '/providers'),
    await rig.manage('GET', '/routes'),
    await rig.manage('GET', '/accounts'),
  ];
  const before = await state();
  await using program = runProgram(['chaos', '--json', '--model', 'acme-small', ...rig.flags]);
  const code = await program.exit;
  const { scenarios } = JSON.parse(program.output()) as { scenarios: Row[] };
  assert.deepEqual(
    scenarios.flatMap(({ scenario, mode, problems }) => problems.map((what) => `${scenario}, ${mode}: ${what}`)),
    [],
  );
  assert.equal(code, 0);
  assert.match(program.errors(), /^asking for the model "acme-small": route acme-\* → acme, 1 fallbacks$/mu);
  assert.ok(scenarios.length > 40);
  assert.deepEqual(await state(), before);
  assert.equal(rig.mock.journal().requests, 0, 'nothing went to the configured address');
});
