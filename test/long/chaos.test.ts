// `aigateway chaos`: every scenario is ok, its table is what it says, it leaves the real configuration alone, and it can fail.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, suite, test } from 'node:test';
import { reportText } from '../../src/chaos/report.ts';
import type { ChaosRig } from '../../src/chaos/rig.ts';
import { playAll, type Played } from '../../src/chaos/run.ts';
import type { Scenario } from '../../src/chaos/scenario.ts';
import type { Scene } from '../../src/chaos/scene.ts';
import { fakeKeys, sceneScript } from '../../src/chaos/scene-script.ts';
import { scenarios } from '../../src/chaos/table.ts';
import { startMock } from '../../src/mock/server.ts';
import { runProgram } from '../support/program.ts';
import { startRig } from '../support/rig.ts';

interface Row {
  readonly scenario: string;
  readonly mode: string;
  readonly client_saw: string;
  readonly requests: number;
  readonly attempts: number;
  readonly duplicates: number;
  readonly verdict: string;
  readonly problems: readonly string[];
}

interface Run {
  readonly code: number | string;
  readonly output: string;
  readonly errors: string;
  readonly tookMs: number;
}

async function run(...args: string[]): Promise<Run> {
  const startedAt = performance.now();
  await using program = runProgram(['chaos', ...args]);
  const code = await program.exit;
  return { code, output: program.output(), errors: program.errors(), tookMs: performance.now() - startedAt };
}

function rowsOf({ output }: Run): readonly Row[] {
  return (JSON.parse(output) as { scenarios: Row[] }).scenarios;
}

const nowhere = ['--data-dir', 'test/nowhere'];

suite('every scenario, on a configuration that nobody has made yet', () => {
  let all: Run;
  let rows: readonly Row[];
  before(async () => {
    all = await run('--json', ...nowhere);
    rows = rowsOf(all);
  });

  for (const { name, modes } of scenarios) {
    for (const mode of modes) {
      test(`${name}, ${mode}`, () => {
        const row = rows.find(({ scenario, mode: played }) => scenario === name && played === mode);
        assert.deepEqual(row?.problems, []);
        assert.equal(row?.verdict, 'ok');
        assert.equal(row?.duplicates, 0);
      });
    }
  }

  test('exits with 0, and takes less than 90 seconds', () => {
    assert.equal(all.code, 0, all.errors);
    assert.ok(all.tookMs < 90_000, `${all.tookMs} ms`);
  });

  test('an account without credit is asked once, a total outage costs at most 1.2 times the requests', () => {
    const credit = rows.filter(({ scenario }) => scenario === 'key out of credit');
    assert.deepEqual(
      credit.map(({ attempts, requests }) => attempts - requests),
      [1, 1],
    );
    const outages = rows.filter(({ scenario }) => scenario.startsWith('total outage'));
    assert.equal(outages.length, 4);
    for (const { attempts, requests } of outages) assert.ok(requests >= 300 && attempts <= 1.2 * requests);
  });

  test('shows how far it has come', () => {
    assert.match(all.errors, new RegExp(`^ *${rows.length}/${rows.length} ok`, 'mu'));
  });
});

test('the table has its columns', async () => {
  const { code, output } = await run('--scenario', 'BAD KEY', ...nowhere);
  assert.equal(code, 0);
  const [heading = '', , streamed = '', whole = ''] = output.trimStart().split('\n');
  assert.match(heading, /^scenario +what the client saw +attempts +duplicates +verdict$/u);
  assert.match(streamed, /^bad key, streamed +200, the whole answer +2 +0 +ok$/u);
  assert.match(whole, /^bad key, whole +200, the whole answer +2 +0 +ok$/u);
  assert.match(output, /^All 2 are ok\.$/mu);
});

test('--list names every scenario and plays none', async () => {
  const { code, output, tookMs } = await run('--list', ...nowhere);
  assert.equal(code, 0);
  assert.deepEqual(
    output.trimEnd().split('\n'),
    scenarios.map(({ name, modes }) => `${name} (${modes.join(', ')})`),
  );
  assert.ok(tookMs < 10_000);
});

suite('wrong usage', () => {
  test('no such scenario', async () => {
    const { code, errors } = await run('--scenario', 'comet', ...nowhere);
    assert.deepEqual([code, errors], [2, 'aigateway: no scenario has "comet" in its name; --list shows them all\n']);
  });

  test('a model that leads nowhere', async () => {
    const { code, errors } = await run('--model', 'acme-large', ...nowhere);
    assert.equal(code, 1);
    assert.match(errors, /^aigateway: no route leads from the model "acme-large" to an active provider/u);
  });
});

suite('on a configuration of its own', () => {
  test('fails where a rule of a provider makes failures the caller’s own', async () => {
    await using rig = await startRig();
    await rig.manage('PATCH', '/providers/openai', {
      config: { failure_rules: [{ status: 500, kind: 'caller_error' }] },
    });
    const { code, output } = await run('--scenario', 'burst', ...rig.flags);
    assert.equal(code, 1);
    assert.match(output, /^burst of 500s on one account, whole +12 × 500 server_error .* failed$/mu);
    assert.match(output, /^✗ burst of 500s on one account, whole: 12 clients did not get the answer/mu);
    assert.match(output, /^2 of 2 failed\.$/mu);
  });
});

/** A gateway that knows nothing of failures: every request goes to the faulty key, `copies` times, and all is passed on. */
async function startNaiveRig(scene: Scene, copies: number): Promise<ChaosRig> {
  const stop = { providerId: 'openai', model: 'gpt-4' };
  const mock = await startMock({ script: sceneScript(scene, [stop], true) });
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    for (let n = 0; n < copies; n += 1) {
      const answer = await fetch(mock.url + request.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${fakeKeys.faulty}`, 'content-type': 'application/json' },
        body: Buffer.concat(chunks),
      });
      const type = answer.headers.get('content-type') ?? '';
      if (n === 0) response.writeHead(answer.status, { 'content-type': type, 'x-aigateway-attempts': '1' });
      response.write(await answer.text());
    }
    response.end();
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    model: stop.model,
    primaryId: stop.providerId,
    scene,
    silent: undefined,
    calls: () => mock.journal().entries.map((entry) => ({ ...entry, providerId: stop.providerId })),
    beginAnew: () => mock.reset(),
    async [Symbol.asyncDispose]() {
      await mock.close();
      server.close();
    },
  };
}

suite('a gateway that does wrong is found out', () => {
  const play = async (names: readonly string[], copies: number): Promise<Played[]> => {
    const chosen: Scenario[] = scenarios.filter(({ name }) => names.includes(name));
    assert.equal(chosen.length, names.length);
    return playAll(chosen, { start: (scene) => startNaiveRig(scene, copies), onPlayed() {} });
  };

  test('one that passes every failure on', async () => {
    const all = await play(
      ['bad key', 'cut answer', 'error inside a 200, before content', 'key out of credit', 'malformed chunk'],
      1,
    );
    assert.deepEqual(
      all.filter(({ verdict }) => verdict === 'ok'),
      [],
    );
    const cut = all.find(({ scenario, mode }) => scenario === 'cut answer' && mode === 'streamed');
    assert.equal(cut?.clientSaw, '200, 2 words, no error');
  });

  test('one that sends an answer twice', async () => {
    const [streamed] = await play(['complete without [DONE]'], 2);
    assert.equal(streamed?.verdict, 'failed');
    assert.ok((streamed?.duplicates ?? 0) >= 1, JSON.stringify(streamed));
    assert.ok(streamed?.problems.some((problem) => problem.includes('something twice')));
  });

  test('one that cannot be started', async () => {
    const all = await playAll(scenarios.slice(0, 1), {
      start: () => Promise.reject(new Error('no gateway here')),
      onPlayed() {},
    });
    assert.deepEqual(
      all.map(({ verdict, problems }) => [verdict, problems]),
      [
        ['failed', ['no gateway here']],
        ['failed', ['no gateway here']],
      ],
    );
    assert.match(reportText(all), /^2 of 2 failed\.$/mu);
  });
});
