// A prompt kept for counting: short ones whole, of long ones the size of their text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenRatios } from '../core/token-ratio.ts';
import { KeptPrompt } from './kept-prompt.ts';

const estimator = { count: (_kind: string, _encoding: string, { length }: Uint8Array) => Promise.resolve(length) };

function tokensOf(prompt: KeptPrompt): Promise<number> {
  return prompt.tokens({ estimator, ratios: new TokenRatios() }, 'm', 'o200k_base');
}

test('a short prompt is kept and counted', async () => {
  const prompt = new KeptPrompt(Buffer.alloc(64 << 10, 'x'));
  assert.equal(prompt.letGo(), false);
  assert.equal(await tokensOf(prompt), 64 << 10);
});

test('a long prompt is let go and told from its size', async () => {
  const prompt = new KeptPrompt(Buffer.alloc(70_000, 'x'));
  assert.equal(prompt.letGo(), true);
  assert.equal(prompt.letGo(), true);
  assert.equal(await tokensOf(prompt), 20_000);
});

test('a long prompt that is still wanted is told from its size too', async () => {
  assert.equal(await tokensOf(new KeptPrompt(Buffer.alloc(70_000, 'x'))), 20_000);
});

test('pictures inside the body are no text', async () => {
  const picture = `{"type":"image_url","image_url":{"url":"data:image/png;base64,${'A'.repeat(3_000_000)}"}}`;
  const body = Buffer.from(`{"messages":[{"content":[${picture},${picture},{"text":"${'x'.repeat(7000)}"}]}]}`);
  const prompt = new KeptPrompt(body);
  prompt.letGo();
  assert.ok(prompt.textBytes > 7000 && prompt.textBytes < 7300, String(prompt.textBytes));
  const tokens = await tokensOf(prompt);
  assert.ok(tokens > 2000 + 2 * 765 && tokens < 2100 + 2 * 765, String(tokens));
  const cut = new KeptPrompt(Buffer.from(`${'x'.repeat(70_000)};base64,AAAA`));
  cut.letGo();
  assert.equal(cut.textBytes, 70_000);
});
