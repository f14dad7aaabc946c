// A prompt kept for counting: short ones whole, of long ones the size of their text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenRatios } from '../core/token-ratio.ts';
import { KeptPrompt } from './kept-prompt.ts';
import { parseRequest } from './parse.ts';

const estimator = { count: (_kind: string, _encoding: string, { length }: Uint8Array) => Promise.resolve(length) };

function promptOf(body: string): KeptPrompt {
  const bytes = Buffer.from(body);
  return new KeptPrompt(bytes, parseRequest(bytes).content);
}

/** A chat of one message with this text, so many bytes in all. */
function chatOf(bytes: number): string {
  const around = '{"model":"m","messages":[{"content":""}]}';
  return around.replace('""', `"${'x'.repeat(bytes - around.length)}"`);
}

function tokensOf(prompt: KeptPrompt): Promise<number> {
  return prompt.tokens({ estimator, ratios: new TokenRatios() }, 'm', 'o200k_base');
}

test('a short prompt is kept and counted', async () => {
  const prompt = promptOf(chatOf(64 << 10));
  assert.equal(prompt.letGo(), false);
  assert.equal(await tokensOf(prompt), 64 << 10);
});

test('a long prompt is let go and told from its size', async () => {
  const prompt = promptOf(chatOf(70_000));
  assert.equal(prompt.letGo(), true);
  assert.equal(prompt.letGo(), true);
  assert.equal(await tokensOf(prompt), 20_000);
});

test('a long prompt that is still wanted is told from its size too', async () => {
  assert.equal(await tokensOf(promptOf(chatOf(70_000))), 20_000);
});

test('pictures and sounds inside the body are no text', async () => {
  const picture = `{"type":"image_url","image_url":{"url":"data:image/png;base64,${'A'.repeat(3_000_000)}"}}`;
  const sound = `{"type":"input_audio","input_audio":{"data":"${'A'.repeat(3_000_000)}","format":"wav"}}`;
  const text = `{"type":"text","text":"${'x'.repeat(7000)};base64,"}`;
  const prompt = promptOf(`{"model":"m","messages":[{"content":[${picture},${picture},${sound},${text}]}]}`);
  prompt.letGo();
  assert.ok(prompt.textBytes > 7000 && prompt.textBytes < 7300, String(prompt.textBytes));
  const tokens = await tokensOf(prompt);
  assert.ok(tokens > 2000 + 2 * 765 && tokens < 2100 + 2 * 765, String(tokens));
});

test('how long the tokens of text are is learned from text alone', () => {
  const parts = [
    '{"type":"image_url","image_url":{"url":"https://a.example"}}',
    '{"type":"input_audio"}',
    '{"type":"file"}',
  ];
  for (const part of parts)
    assert.equal(promptOf(`{"model":"m","messages":[{"content":[${part}]}]}`).isText, false, part);
  assert.equal(promptOf(chatOf(100)).isText, true);
});
