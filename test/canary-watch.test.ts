// The watch that every test of a whole gateway has: it sees a secret in each of the places that it looks at.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { CanaryWatch } from './support/canary-watch.ts';
import { limitedClient } from './support/limited-client.ts';
import { startRig, testKey, type Rig } from './support/rig.ts';

/** What the end of a rig says, where something was done that gives a secret away. */
async function endOf(leak: (rig: Rig) => unknown): Promise<string> {
  const rig = await startRig();
  await leak(rig);
  return rig.stop().then(
    () => 'nothing seen',
    (error: Error) => error.message,
  );
}

test('a secret in the data folder, in any form, fails the test that left it there', async () => {
  const base64 = Buffer.from(`x${testKey}`).toString('base64');
  for (const text of [testKey, testKey.slice(0, 12), base64]) {
    const message = await endOf(({ folder }) => {
      mkdirSync(join(folder, 'deep'));
      writeFileSync(join(folder, 'deep', 'file'), text);
    });
    assert.match(message, /seen outside the vault: a secret that begins with sk-tes \(24\) in deep\/file/u);
  }
  assert.equal(await endOf(() => {}), 'nothing seen');
});

test('a credential and a client key that are made on the way are learned, and seen in an answer', async () => {
  const added = await endOf(async (rig) => {
    const key = 'sk-another-key-4711-0815';
    await rig.manage('POST', '/accounts', { provider_id: 'openai', label: 'b', auth_data: { api_key: key } });
    await rig.manage('POST', '/routes', { pattern: key, provider_id: 'openai' });
  });
  assert.match(added, /a secret that begins with sk-ano \(24\) in the answer to POST \/api\/v1\/routes/u);
  const made = await endOf(async (rig) => {
    const { key } = await limitedClient(rig, {});
    await rig.manage('PATCH', '/providers/openai', { name: key });
  });
  assert.match(made, /a secret that begins with agw_\w\w \(\d+\) in the answer to PATCH \/api\/v1\/providers/u);
});

test('a secret in the log, in the metrics or in the headers of an answer is seen', async () => {
  const secret = 'sk-canary-0123456789abcdef';
  const server = createServer((_, response) => response.writeHead(200, { 'x-odd': secret }).end(`# ${secret}\n`));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const watch = new CanaryWatch([secret]);
  watch.listen(origin);
  await watch.takeMetrics(origin);
  watch.take('the log', `{"msg":"${secret}"}`);
  assert.throws(
    () => watch.end(),
    (error: Error) =>
      ['the metrics', 'the log', 'the answer to GET /metrics'].every((where) => error.message.includes(where)),
  );
  server.closeAllConnections();
  server.close();
});
