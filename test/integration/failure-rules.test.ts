// Rules of the operator on what a provider's errors mean: how they are refused, and that a whole gateway goes by them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FailureRule } from '../../src/core/failure-rule.ts';
import { eventually } from '../support/await.ts';
import { startManagement } from '../support/management.ts';
import { runOutside } from '../support/outside-sql.ts';
import { jsonAnswer, startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const coldStart = JSON.stringify({
  error: { message: 'The cluster is warming up.', type: 'capacity', param: null, code: 'cold_start' },
});
const served = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
});

/** Refuses one key with a 400 that is not the caller's fault; serves every other. */
async function startColdUpstream(): Promise<RawUpstream> {
  return startRawUpstream((socket, { head }) => {
    socket.write(head.includes('sk-cold') ? jsonAnswer(coldStart, '400 Bad Request') : jsonAnswer(served));
  });
}

async function setRules(rig: Rig, upstream: RawUpstream, rules: readonly FailureRule[]): Promise<void> {
  await rig.manage('PATCH', '/providers/openai', { base_url: upstream.url, config: { failure_rules: rules } });
}

suite('the management API', () => {
  test('keeps rules, and refuses what is none by its place', async (t) => {
    const api = await startManagement(t);
    const rules = [
      { status: 400, code: 'cold_start', kind: 'upstream_overloaded' },
      { status: 200, message: 'quota', kind: 'insufficient_quota' },
      { type: 'capacity', kind: 'rate_limited' },
    ];
    const minimal = { id: 'local', base_url: 'http://127.0.0.1:9999' };
    const created = await api.call('POST', '/providers', { ...minimal, config: { failure_rules: rules } });
    assert.deepEqual([created.status, created.json.config], [201, { failure_rules: rules }]);
    assert.deepEqual(api.configuration.current().providers.get('local')?.config.failure_rules, rules);

    const rows: readonly (readonly [rule: unknown, place: string, message: RegExp])[] = [
      [{ kind: 'rate_limited' }, 'failure_rules.1', /must have a condition: status, code, type or message/u],
      [{ status: 429 }, 'failure_rules.1.kind', /required|must be one of/u],
      [{ status: 429, kind: 'bad_weather' }, 'failure_rules.1.kind', /must be one of "caller_error"/u],
      [{ status: 429, kind: 'client_gone' }, 'failure_rules.1.kind', /must be one of/u],
      [{ status: 429, kind: 'shutdown' }, 'failure_rules.1.kind', /must be one of/u],
      [{ status: '429', kind: 'rate_limited' }, 'failure_rules.1.status', /must be a/u],
      [{ status: 199, kind: 'rate_limited' }, 'failure_rules.1.status', /must be at least 200/u],
      [{ status: 600, kind: 'rate_limited' }, 'failure_rules.1.status', /must be at most 599/u],
      [{ status: 429.5, kind: 'rate_limited' }, 'failure_rules.1.status', /must be a whole number/u],
      [{ code: '', kind: 'rate_limited' }, 'failure_rules.1.code', /must not be empty/u],
      [{ message: '', kind: 'rate_limited' }, 'failure_rules.1.message', /must not be empty/u],
      [{ message: 'x'.repeat(501), kind: 'rate_limited' }, 'failure_rules.1.message', /at most 500 characters/u],
      [{ mesage: 'x', status: 429, kind: 'rate_limited' }, 'failure_rules.1.mesage', /There is no field/u],
      [null, 'failure_rules.1', /must be an object/u],
    ];
    for (const [rule, place, message] of rows) {
      const config = { failure_rules: [rules[0], rule] };
      for (const [method, path] of [
        ['POST', '/providers'],
        ['PATCH', '/providers/local'],
      ] as const) {
        const refused = await api.call(method, path, { ...minimal, config });
        assert.deepEqual([refused.status, refused.json.error.param], [400, `config.${place}`], JSON.stringify(rule));
        assert.match(refused.json.error.message, message);
      }
    }
    const notAList = await api.call('PATCH', '/providers/local', { config: { failure_rules: rules[0] } });
    assert.deepEqual([notAList.status, notAList.json.error.param], [400, 'config.failure_rules']);
    assert.deepEqual(api.configuration.current().providers.get('local')?.config.failure_rules, rules);
  });

  test('rules that SQL wrote hold when they are right; a wrong one disables its provider alone and is named', async (t) => {
    const api = await startManagement(t);
    const right = [{ code: 'cold_start', kind: 'upstream_overloaded' }];
    const rules = {
      right,
      misspelt: [...right, { cod: 'x', status: 400, kind: 'rate_limited' }],
      unknown: [{ status: 400, kind: 'bad_weather' }],
      boundless: [{ kind: 'caller_error' }],
    };
    const rows = Object.entries(rules).map(
      ([id, list]) =>
        `('${id}', 'x', 'http://127.0.0.1:1', 'api_key', 'api_key', '[]', true, '${JSON.stringify({ failure_rules: list })}')`,
    );
    await runOutside(
      api.file,
      `INSERT INTO providers (id, name, base_url, auth_type, auth_strategy, supported_models, is_active, config)
       VALUES ${rows.join(', ')}`,
    );
    await eventually('the row is in force', () => api.configuration.current().providers.has('right'));
    const { providers, problems } = api.configuration.current();
    assert.deepEqual(providers.get('right')?.config.failure_rules, right);
    for (const [id, place] of [
      ['misspelt', 'failure_rules.1'],
      ['unknown', 'failure_rules.0.kind'],
      ['boundless', 'failure_rules.0'],
    ] as const) {
      assert.equal(providers.has(id), false, id);
      assert.ok(
        problems.includes(`provider "${id}" has a config in which ${place} is not as it must be`),
        problems.join('\n'),
      );
    }
  });
});

suite('a whole gateway', () => {
  test('without a rule a strange 400 is the caller’s; with one another account serves, and the right one is benched', async (t) => {
    await using rig = await startRig({ keys: ['sk-cold-0000000000001', 'sk-warm-0000000000002'] });
    const upstream = await startColdUpstream();
    t.after(() => upstream.close());
    await setRules(rig, upstream, []);
    await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { priority: 1 });
    const before = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(before.status, 400);
    assert.equal(await before.text(), coldStart);
    assert.equal(upstream.requests.length, 1);

    await setRules(rig, upstream, [{ status: 400, code: 'cold_start', kind: 'rate_limited' }]);
    const after = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(after.status, 200, await after.text());
    assert.equal(after.headers.get('x-aigateway-attempts'), '2');
    assert.equal(after.headers.get('x-aigateway-account'), rig.accounts[1]);

    await setRules(rig, upstream, [{ message: 'WARMING UP', kind: 'invalid_api_key' }]);
    await rig.manage('POST', `/accounts/${rig.accounts[0]}/unbench`);
    const benching = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(benching.status, 200, await benching.text());
    const account = await rig.manage<{ health: { status: string; reason: string } }>(
      'GET',
      `/accounts/${rig.accounts[0]}`,
    );
    assert.equal(account.health.status, 'benched');
    assert.match(account.health.reason, /The cluster is warming up/u);
  });

  test('a rule may also say that an error is the caller’s after all: one attempt, nobody benched', async () => {
    await using rig = await startRig({
      keys: ['sk-one-0000000000001', 'sk-two-0000000000002'],
      script: { fault: '500' },
    });
    await rig.manage('PATCH', '/providers/openai', {
      config: { failure_rules: [{ type: 'server_error', kind: 'caller_error' }] },
    });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4'));
    assert.equal(response.status, 500);
    await response.text();
    assert.equal(response.headers.get('x-aigateway-attempts'), '1');
    assert.equal(rig.mock.journal().entries.length, 1);
  });

  test('a rule reaches errors inside a 200 stream', async () => {
    await using rig = await startRig({
      keys: ['sk-one-0000000000001', 'sk-two-0000000000002'],
      script: { keys: { 'sk-one-0000000000001': { fault: 'error-first-event' } } },
    });
    await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { priority: 1 });
    await rig.manage('PATCH', '/providers/openai', {
      config: { failure_rules: [{ status: 200, type: 'server_error', kind: 'insufficient_quota' }] },
    });
    const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }));
    assert.match(await response.text(), /\[DONE\]/u);
    assert.equal(response.headers.get('x-aigateway-account'), rig.accounts[1]);
    const { health } = await rig.manage<{ health: { status: string } }>('GET', `/accounts/${rig.accounts[0]}`);
    assert.equal(health.status, 'benched');
  });
});
