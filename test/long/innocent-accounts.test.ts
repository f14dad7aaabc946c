// 10,000 requests, three in ten refused for what the client wrote and most of the others given up after 50 ms: no account pays for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/await.ts';
import { chat, startRig } from '../support/rig.ts';

const total = 10_000;
const atATime = 60;
const model = 'gpt-4';

interface Health {
  readonly status: string;
  readonly per_model: readonly unknown[];
}

/** How a client limits its patience: by the gateway's own header, by going away, or not at all. */
const manners = ['header', 'abort', 'patient'] as const;

test('no account is ever benched and no circuit ever opens', async (context) => {
  await using rig = await startRig({
    keys: ['sk-innocent-000000000001', 'sk-innocent-000000000002', 'sk-innocent-000000000003'],
    script: {
      rpm: 1_000_000,
      tpm: 1_000_000_000,
      models: {
        [model]: {
          // A tenth each of all, then half of the rest is slower than the clients are patient.
          fault: [
            { fault: '400', share: 1 / 10 },
            { fault: '400-context-length', share: 1 / 9 },
            { fault: '400-content-policy', share: 1 / 8 },
            { fault: 'slow-headers@200', share: 1 / 4 },
            { fault: 'slow-first-token@200', share: 1 / 4 },
          ],
        },
      },
    },
  });
  const healths = async (): Promise<Health[]> => {
    const { data } = await rig.manage<{ data: { health: Health }[] }>('GET', '/accounts');
    return data.map(({ health }) => health);
  };
  const unwell: Health[] = [];
  const watching = new AbortController();
  const watch = (async () => {
    while (!watching.signal.aborted) {
      unwell.push(...(await healths()).filter(({ status, per_model: models }) => status !== 'ok' || models.length > 0));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();

  const seen = new Map<string, number>();
  const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < total) {
      const n = next++;
      const manner = manners[n % manners.length];
      const headers: Record<string, string> = manner === 'header' ? { 'x-aigateway-timeout-ms': '50' } : {};
      const signal = manner === 'abort' ? AbortSignal.timeout(50) : undefined;
      try {
        const response = await rig.post('/v1/chat/completions', chat(model, { stream: n % 2 === 0 }), headers, signal);
        await response.text();
        note(String(response.status));
      } catch {
        note(signal?.aborted === true ? 'aborted' : 'broken');
      }
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: atATime }, client));
  const tookMs = performance.now() - startedAt;
  await eventually('every upstream request has ended', () => rig.mock.journal().open_requests === 0);
  watching.abort();
  await watch;

  const refused = rig.mock.journal().entries.filter(({ status }) => status === 400).length;
  context.diagnostic(
    `${total} requests in ${Math.round(tookMs)} ms, ${refused} refused by the upstream; clients saw ${JSON.stringify(Object.fromEntries(seen))}`,
  );
  assert.deepEqual(unwell, []);
  assert.deepEqual(
    (await healths()).map(({ status }) => status),
    ['ok', 'ok', 'ok'],
  );
  assert.ok(refused > 0.28 * total && refused < 0.32 * total, `${refused} were refused`);
  assert.equal(seen.get('broken') ?? 0, 0);
  for (const what of ['200', '400', '504', 'aborted'])
    assert.ok((seen.get(what) ?? 0) > 500, `${what}: ${seen.get(what)}`);
  assert.deepEqual([...seen.keys()].sort(), ['200', '400', '504', 'aborted']);
});
