// A large body is in memory until the answer is on its way, and no longer; what is held of answers counts as well.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startProgramRig, withoutProc, type ProgramRig } from '../support/program-rig.ts';
import { chat, startRig } from '../support/rig.ts';

const requests = 6;
const bodyBytes = 6_000_000;
/** What a request may leave behind or keep while its stream runs. */
const heldBytesEach = 500_000;

const large = { messages: [{ role: 'user', content: 'word '.repeat(bodyBytes / 5) }] };

/** Asks for an answer and hears its beginning. */
async function begin(rig: ProgramRig, isStream: boolean, signal?: AbortSignal): Promise<void> {
  const model = isStream ? 'gpt-4-endless' : 'gpt-4-short';
  const response = await rig.post('/v1/chat/completions', chat(model, { ...large, stream: isStream }), {}, signal);
  assert.equal(response.status, 200);
  if (isStream) await response.body?.getReader().read();
  else await response.text();
}

suite('memory of bodies', { skip: withoutProc }, () => {
  for (const isStream of [true, false]) {
    test(isStream ? 'streams that are under way' : 'whole answers that have been given', async (context) => {
      await using rig = await startProgramRig({
        settings: { LOG_LEVEL: 'silent' },
        canCollect: true,
        script: {
          models: { 'gpt-4-endless': { chunks: 1000, chunk_delay_ms: 600_000 }, 'gpt-4-short': { chunks: 3 } },
        },
      });
      const gone = new AbortController();
      await begin(rig, false);
      const before = await rig.held();
      await Promise.all(Array.from({ length: requests }, () => begin(rig, isStream, gone.signal)));
      const heldEach = ((await rig.held()) - before) / requests;
      context.diagnostic(`${Math.round(heldEach / 1000)} kB held for each of ${requests}`);
      gone.abort();
      assert.ok(heldEach < heldBytesEach, `${heldEach} bytes held for each`);
    });
  }
});

for (const [budget, isRescued] of [
  ['64MiB', true],
  ['2MiB', false],
] as const) {
  test(`a buffered stream of 4 MB with ${budget} for all: ${isRescued ? 'rescued' : 'passed on as it comes'}`, async () => {
    await using rig = await startRig({
      settings: { MAX_BODY_BYTES_IN_FLIGHT: budget },
      script: {
        chunk_text: 'x'.repeat(20_000),
        models: { 'gpt-4': { chunks: 200, fault: { fault: 'cut-mid-stream@190', first: 1 } } },
      },
    });
    const headers = { 'x-aigateway-stream': 'buffered' };
    const response = await rig.post('/v1/chat/completions', chat('gpt-4', { stream: true }), headers);
    const text = await response.text();
    assert.equal(text.endsWith('data: [DONE]\n\n'), isRescued);
    assert.equal(text.includes('upstream_stream_interrupted'), !isRescued);
    assert.equal(rig.mock.journal().requests, isRescued ? 2 : 1);
    const metrics = await (await fetch(`${rig.url}/metrics`)).text();
    assert.match(metrics, /^aigateway_body_bytes_in_flight 0$/mu);
  });
}
