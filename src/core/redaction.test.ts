// Tests that a key is taken out of what others write, in whatever form they repeat it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasSecret, modelOnRecord, withoutSecret } from './redaction.ts';
import { Secret } from './secret.ts';

const text = 'Zq3.x$9/kLmN+0pQ7rS8tU_vW-xY2';
const secret = new Secret(text);

const repeated: readonly string[] = [
  text,
  `Bearer ${text}.`,
  `"${text}"`,
  text.slice(0, 12),
  `${text.slice(0, 12)}***************${text.slice(-4)}`,
  `${text.slice(0, 12)}…`,
  Buffer.from(text).toString('base64'),
  Buffer.from(`a${text}`).toString('base64'),
  Buffer.from(`ab${text}`).toString('base64url'),
  Buffer.from(JSON.stringify({ authorization: `Bearer ${text}` })).toString('base64'),
  Buffer.from(text).toString('hex'),
];

/** The same as programs write it that escape more than they must: in JSON, and in the query of a URL. */
const escaped: readonly string[] = [
  text.replaceAll('/', '\\/').replaceAll('+', '\\u002B'),
  text.replaceAll('/', '\\u002f').replaceAll('+', '\\u002b'),
  text.replace(/./gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`),
  encodeURIComponent(text),
  encodeURIComponent(text).replaceAll(/%../gu, (code) => code.toLowerCase()),
  text.replaceAll('/', '\\/').slice(0, 13),
];

test('a secret is found and taken out in every form', () => {
  for (const form of repeated) {
    const said = `before ${form} after ${form}`;
    assert.ok(hasSecret(said, secret), form);
    const clean = withoutSecret(said, secret);
    assert.ok(!hasSecret(clean, secret), clean);
    assert.match(clean, /^before .*\[secret\].* after .*\[secret\]/u);
    assert.ok(!clean.includes(text.slice(12, 20)) || form.length <= 12, clean);
  }
});

test('a secret is taken out where its characters are escaped', () => {
  for (const form of escaped) {
    assert.equal(
      withoutSecret(`{"message":"key ${form}, said\\n"}`, secret),
      '{"message":"key [secret], said\\n"}',
      form,
    );
  }
  const other = '{"message":"a \\/ path \\u002b 100%2B"}';
  assert.equal(withoutSecret(other, secret), other);
});

test('what is taken out leaves the JSON around it whole', () => {
  for (const form of [text.slice(0, 12), `${text.slice(0, 12)}****`, Buffer.from(`ab${text}`).toString('base64')]) {
    for (const before of ['\n', '\t', 'a\n', '\u0007', '"']) {
      const said = withoutSecret(JSON.stringify({ message: `${before}${form} is wrong` }), secret);
      assert.match((JSON.parse(said) as { message: string }).message, /\[secret\] is wrong$/u, said);
    }
  }
});

test('what looks like a key is taken out behind an escape, too, whose end looks like a part of its word', () => {
  for (const before of ['\\n', '\\t', '\\r', '\\u000a', '\\/', '%3D', '%20'])
    assert.equal(withoutSecret(`"said:${before}sk-abcd1234"`), `"said:${before}[secret]"`);
  for (const word of ['task-abcd1234', '\\ntask-abcd1234', '%3Dtask-abcd1234']) assert.equal(withoutSecret(word), word);
});

test('what looks like a key of the usual form is taken out without being known', () => {
  for (const key of ['sk-abcd1234', 'sk-proj-********wxyz', 'sk-…wxyz1'])
    assert.equal(withoutSecret(`Incorrect API key provided: ${key}.`), 'Incorrect API key provided: [secret].');
});

test('other texts stay as they are', () => {
  const other = 'Zq3.x$9/kLm and a risk-free sk- text';
  assert.equal(withoutSecret(other, secret), other);
  assert.equal(hasSecret(other, secret), false);
  assert.equal(hasSecret('', secret), false);
  assert.equal(hasSecret('short', secret), false);
  assert.ok(hasSecret('pass', new Secret('pass')), 'a text that is nothing but the secret');
  assert.equal(withoutSecret('a short secret', new Secret('')), 'a short secret');
  assert.equal(withoutSecret('my pass is pass', new Secret('pass')), 'my [secret] is [secret]');
});

test('a key in place of a model is kept as one, and a model that holds the letters as it is', () => {
  const kept: Readonly<Record<string, string>> = {
    'sk-pasted-0001': '[secret]',
    'openai/sk-pasted-0001': 'openai/[secret]',
    'gpt-4o': 'gpt-4o',
    'ft:gpt-4o:acme:sk-support:abc123': 'ft:gpt-4o:acme:sk-support:abc123',
    'task-0001': 'task-0001',
  };
  for (const [name, expected] of Object.entries(kept)) assert.equal(modelOnRecord(name), expected);
});
