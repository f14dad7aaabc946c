// Tests what is understood of a body as a whole, and why one is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../core/errors.ts';
import { estimateTokens, parseRequest, type ParsedRequest } from './parse.ts';

const read = (text: string): ParsedRequest => parseRequest(Buffer.from(text));

test('who asks for a stream, and for its usage, is known by what stands there last', () => {
  const asks: readonly (readonly [members: string, isStream: boolean, asksUsage: boolean])[] = [
    ['"x":1', false, false],
    ['"stream":true', true, false],
    ['"stream":false', false, false],
    ['"stream":null', false, false],
    ['"stream":true,"stream":false', false, false],
    ['"str\\u0065am":true', true, false],
    ['"x":{"stream":true,"stream_options":{"include_usage":true}}', false, false],
    ['"stream":true,"stream_options":{"include_usage":true}', true, true],
    ['"stream":true,"stream_options":{"include_usage":false}', true, false],
    ['"stream":true,"stream_options":{"include_usage":true,"include_usage":false}', true, false],
    ['"stream":true,"stream_options":{"include_\\u0075sage":true}', true, true],
    ['"stream":true,"stream_options":{"include_usage":true},"stream_options":{}', true, false],
    ['"stream":true,"stream_options":null', true, false],
  ];
  for (const [members, isStream, asksUsage] of asks) {
    const request = read(`{"model":"m",${members}}`);
    assert.deepEqual([request.isStream, request.asksUsage], [isStream, asksUsage], members);
  }
});

const refused: Readonly<Record<string, readonly [body: string | Uint8Array, code: string, words: RegExp]>> = {
  nothing: ['', 'invalid_json', /is empty/u],
  'white space': [' \n', 'invalid_json', /is empty/u],
  'half of an object': ['{"model":"m"', 'invalid_json', /is not valid JSON/u],
  'more than an object': ['{"model":"m"}{}', 'invalid_json', /is not valid JSON/u],
  'a list': ['[{"model":"m"}]', 'invalid_json', /must be a JSON object/u],
  gzip: [Uint8Array.of(0x1f, 0x8b, 8, 0), 'invalid_json', /compressed with gzip/u],
  'something else in bytes': [Uint8Array.of(0x1f, 0x9d, 0x8b), 'invalid_json', /must be a JSON object/u],
  'other bytes': [Uint8Array.of(0x20, 0x8b, 0x1f), 'invalid_json', /must be a JSON object/u],
  'a byte order mark': ['\uFEFF{"model":"m"}', 'invalid_json', /begins with a byte order mark/u],
  'no model': ['{"x":1}', 'invalid_request', /must provide a model/u],
  'a model that is no text': ['{"model":5}', 'invalid_request', /must be a text of 1 to 512 characters/u],
  'an empty model': ['{"model":""}', 'invalid_request', /must be a text of 1 to 512 characters/u],
  'a name that is too long': [`{"model":"${'m'.repeat(513)}"}`, 'invalid_request', /must be a text of 1 to 512/u],
  'a name that is broken': ['{"model":"\\x"}', 'invalid_request', /must provide a model/u],
};

test('what cannot be a request is refused with the reason', () => {
  for (const [name, [body, code, words]] of Object.entries(refused)) {
    assert.throws(
      () => parseRequest(Buffer.from(body)),
      (error) => error instanceof GatewayError && error.code === code && words.test(error.message),
      name,
    );
  }
  const longest = 'm'.repeat(512);
  assert.equal(read(` \n{"model":"${longest}"}\t `).model, longest);
});

test('a name in another case is refused, for some servers would read it; any other name is none of our business', () => {
  for (const [written, meant] of [
    ['Model', 'model'],
    ['MAX_TOKENS', 'max_tokens'],
    ['N', 'n'],
    ['Messages', 'messages'],
    ['stream_Options', 'stream_options'],
    ['\u017ftream', 'stream'],
    ['max_to\u212aens', 'max_tokens'],
  ] as const)
    for (const name of [
      JSON.stringify(written),
      `"\\u${written.charCodeAt(0).toString(16).padStart(4, '0')}${written.slice(1)}"`,
    ])
      assert.throws(
        () => read(`{"model":"m",${name}:1}`),
        (error) =>
          error instanceof GatewayError &&
          error.code === 'invalid_request' &&
          error.param === written &&
          error.message === `There is no parameter "${written}"; write it "${meant}".`,
        name,
      );
  for (const name of [
    'modal',
    'Models',
    'm\u00f6del',
    'max-tokens',
    'MAX\u007fTOKENS',
    'm',
    '',
    'x_Model',
    'constructor',
  ])
    assert.equal(read(`{"model":"m",${JSON.stringify(name)}:1}`).model, 'm', name);
  assert.equal(read('{"model":"m","metadata":{"Model":"x"}}').model, 'm', 'of the body itself alone');
});

test('against the limits of an account counts a quarter of the bytes, and what each choice may say', () => {
  const body = '{"model":"m","messages":"1234567890"}';
  const prompt = Math.ceil(body.length / 4);
  assert.equal(estimateTokens(read(body)), prompt + 16);
  const limited = '{"model":"m","max_tokens":100,"n":3}';
  assert.equal(estimateTokens(read(limited)), limited.length / 4 + 300);
});

test('against the limits of an account a picture and a sound do not count by their bytes', () => {
  const words = 'x'.repeat(4000);
  const parts = (picture: string, sound: string): string =>
    `{"type":"image_url","image_url":{"url":"data:image/png;base64,${picture}"}},{"type":"input_audio","input_audio":{"data":"${sound}","format":"wav"}}`;
  const body = `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"${words}"},${parts('A'.repeat(900_000), 'B'.repeat(100_000))}]}]}`;
  const tokens = estimateTokens(read(body));
  assert.ok(tokens > 1000 + 800 + 100 && tokens < 1000 + 800 + 100 + 60, String(tokens));
});
