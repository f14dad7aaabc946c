// An attempt's intent is in the spool before the first byte of it reaches an upstream, and where it cannot be, none does.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatewayError } from '../../src/core/errors.ts';
import { openLedger, type Ledger, type LedgerParts } from '../../src/ledger/ledger.ts';
import { eventually } from '../support/await.ts';
import { jsonAnswer, startRawUpstream } from '../support/raw-upstream.ts';
import { chat, startRig } from '../support/rig.ts';

const answer = jsonAnswer(JSON.stringify({ object: 'chat.completion', choices: [] }));
/** Shorter than what goes out with its head, and longer. */
const bodyLengths = [10, 300_000];

/** The models of all intents that are in the spools below a folder. */
function intendedModels(folder: string): Set<string> {
  const models = new Set<string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.log')) continue;
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n'))
      if (line.startsWith('I')) for (const [model] of line.matchAll(/gpt-n\d+/gu)) models.add(model);
  }
  return models;
}

test('whatever reaches the upstream was in the spool by then', async (context) => {
  await using rig = await startRig();
  const early: string[] = [];
  const raw = await startRawUpstream((socket, { body }) => {
    const { model } = JSON.parse(body.toString()) as { model: string };
    if (!intendedModels(join(rig.folder, 'spool')).has(model)) early.push(model);
    socket.write(answer);
  });
  context.after(() => raw.close());
  await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
  let n = 0;
  // The second time over, the connections are there.
  for (let round = 0; round < 2; round += 1) {
    await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        n += 1;
        const padding = 'x'.repeat(bodyLengths[i % bodyLengths.length] ?? 0);
        const response = await rig.post('/v1/chat/completions', chat(`gpt-n${n}`, { user: padding }));
        assert.equal(response.status, 200, await response.text());
      }),
    );
  }
  assert.equal(raw.requests.length, 32);
  assert.deepEqual(early, []);
});

test('where the intent cannot be written the client hears it, the upstream hears nothing, and the account stays free', async (context) => {
  const disk = { isFull: true };
  const openRefusing = async (parts: LedgerParts): Promise<Ledger> => {
    const ledger = await openLedger(parts);
    const refusal = new GatewayError('storage_unavailable', 'The disk is full.', { retryAfterMs: 5000 });
    return {
      spool: ledger.spool,
      intend(record) {
        const intent = ledger.intend(record);
        return () => (disk.isFull ? refusal : intent());
      },
      settle: (record) => ledger.settle(record),
      keep: (transcript) => ledger.keep(transcript),
      sync: () => ledger.sync(),
      status: () => ledger.status(),
      close: () => ledger.close(),
    };
  };
  await using rig = await startRig({ openLedger: openRefusing });
  await rig.manage('PATCH', `/accounts/${rig.accounts[0]}`, { limits: { max_concurrency: 1 } });
  const raw = await startRawUpstream((socket) => void socket.write(answer));
  context.after(() => raw.close());
  await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
  for (const length of bodyLengths) {
    const response = await rig.post('/v1/chat/completions', chat('gpt-4', { user: 'x'.repeat(length) }));
    const { error } = (await response.json()) as { error: { code: string } };
    assert.deepEqual(
      [response.status, error.code, response.headers.get('retry-after')],
      [503, 'storage_unavailable', '5'],
    );
  }
  assert.equal(raw.receivedBytes(), 0);
  disk.isFull = false;
  const served = await rig.post('/v1/chat/completions', chat('gpt-4'));
  assert.equal(served.status, 200, await served.text());
  const outcomes = async (): Promise<unknown[]> => {
    const { data } = await rig.manage<{ data: { outcome: string }[] }>('GET', '/requests');
    return data.map(({ outcome }) => outcome);
  };
  await eventually('all are in the ledger', async () => (await outcomes()).length === 3);
  assert.deepEqual(await outcomes(), ['ok', 'gateway_error', 'gateway_error']);
});
