// Tests how much of a body is taken for text, and what is known to be something else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequest } from '../gateway/parse.ts';
import type { Content } from './content.ts';

function measure(request: object): Content & { readonly bytes: number } {
  const body = Buffer.from(JSON.stringify({ model: 'm', ...request }));
  return { ...parseRequest(body).content, bytes: body.length };
}

const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
const sound = { type: 'input_audio', input_audio: { data: 'QUJD'.repeat(100), format: 'wav' } };
const size = (part: object): number => JSON.stringify(part).length;

test('text is the whole body', () => {
  const { textBytes, bytes, messages, prompts } = measure({
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
    ],
  });
  assert.deepEqual([textBytes, messages, prompts], [bytes, 2, 1]);
});

test('images, sounds and files are taken out of it and counted', () => {
  const found = measure({
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Look' }, image, image, sound] }],
  });
  assert.equal(found.textBytes, found.bytes - 2 * size(image) - size(sound));
  assert.deepEqual([found.images, found.audioBytes, found.refersElsewhere], [2, size(sound), false]);
  for (const part of [{ type: 'file', file: { file_id: 'file-1' } }, { type: 'hologram' }, {}]) {
    assert.equal(
      measure({ messages: [{ role: 'user', content: [part] }] }).refersElsewhere,
      true,
      JSON.stringify(part),
    );
  }
  assert.equal(measure({ messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] }).refersElsewhere, true);
  assert.equal(measure({ messages: [{ role: 'assistant', audio: null, content: 'x' }] }).refersElsewhere, false);
});

test('a name or a type that is written with escapes is found all the same', () => {
  const body = Buffer.from(
    '{"model":"m","m\\u0065ssages":[{"role":"user","c\\u006fntent":[{"\\u0074ype":"image\\u005furl","image_url":{"url":"x"}}]}]}',
  );
  assert.equal(parseRequest(body).content.images, 1);
});

test('a list of prompts is answered one by one, a list of tokens is one prompt', () => {
  const prompts: readonly (readonly [prompt: unknown, count: number])[] = [
    ['one', 1],
    [['one', 'two'], 2],
    [[1, 2, 3], 1],
    [[[1, 2], [3], [4]], 3],
    [[], 1],
  ];
  for (const [prompt, count] of prompts) assert.equal(measure({ prompt }).prompts, count, JSON.stringify(prompt));
  assert.equal(measure({}).prompts, 1);
});

test('of content under several names, or twice under one, all is counted: who reads it may take either', () => {
  const messages = JSON.stringify([{ role: 'user', content: [image, sound, { type: 'file' }] }]);
  const bodies = [
    `{"model":"m","messages":${messages},"prompt":"x"}`,
    `{"model":"m","messages":${messages},"input":[],"messages":[]}`,
  ];
  for (const body of bodies) {
    const { images, audioBytes, refersElsewhere, prompts } = parseRequest(Buffer.from(body)).content;
    assert.deepEqual([images, audioBytes, refersElsewhere, prompts], [1, size(sound), true, 1], body);
  }
  const { prompts } = parseRequest(Buffer.from('{"model":"m","prompt":["a","b","c"],"input":"x"}')).content;
  assert.equal(prompts, 3);
});

test('what is no content is left to the upstream', () => {
  for (const messages of [5, null, 'x', {}, [1, 'x', null, [[]]], [{ content: [1, [], 'x'] }]]) {
    const { textBytes, bytes } = measure({ messages });
    assert.ok(textBytes <= bytes);
  }
});
