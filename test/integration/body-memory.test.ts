// A large body is in memory until the answer is on its way, and no longer.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startProgramRig, withoutProc, type ProgramRig } from '../support/program-rig.ts';
import { chat } from '../support/rig.ts';

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
