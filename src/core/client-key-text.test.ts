// The text of client keys: fixed length, no typing error unnoticed, and never two alike.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { clientKeyBytes, clientKeyText, digestOf, hasKeyForm, isKeyText, shownPart } from './client-key-text.ts';

const random = fc.uint8Array({ minLength: clientKeyBytes, maxLength: clientKeyBytes });

test('every key has 53 characters, and holds its checksum', () => {
  fc.assert(
    fc.property(random, (bytes) => {
      const text = clientKeyText(bytes);
      assert.match(text, /^agw_[0-9A-Za-z]{49}$/u);
      assert.equal(isKeyText(text), true);
    }),
  );
  for (const byte of [0, 255]) assert.equal(isKeyText(clientKeyText(new Uint8Array(32).fill(byte))), true);
});

test('all 256 bits are in it: other bytes, another key', () => {
  fc.assert(
    fc.property(random, fc.nat(255), (bytes, bit) => {
      const other = bytes.slice();
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.notEqual(clientKeyText(other), clientKeyText(bytes));
    }),
  );
});

test('one character mistaken, or two swapped, is no key', () => {
  const text = clientKeyText(randomBytes(32));
  for (let at = 4; at < text.length; at += 1) {
    const wrong = text[at] === 'x' ? 'y' : 'x';
    assert.equal(isKeyText(text.slice(0, at) + wrong + text.slice(at + 1)), false, `at ${at}`);
    const [a = '', b = ''] = text.slice(at, at + 2);
    const swapped = text.slice(0, at) + b + a + text.slice(at + 2);
    if (swapped !== text) assert.equal(isKeyText(swapped), false, `swapped at ${at}`);
  }
});

test('what has not the form of a key is none', () => {
  const text = clientKeyText(randomBytes(32));
  const others = [
    '',
    'agw_',
    text.slice(0, -1),
    `${text}x`,
    ` ${text}`,
    `${text}\n`,
    text.replace('agw_', 'sk-'),
    text.toUpperCase(),
  ];
  for (const other of [...others, `agw_${'ä'.repeat(49)}`, `agw_${'\0'.repeat(49)}`]) {
    assert.equal(hasKeyForm(other) && isKeyText(other), false, JSON.stringify(other));
  }
});

test('the digest is SHA-256, and what may be shown has fewer than 12 characters', () => {
  assert.equal(digestOf('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(shownPart(clientKeyText(new Uint8Array(32))), 'agw_000000');
});

test('a key has letters and digits alone behind its beginning', () => {
  const text = clientKeyText(new Uint8Array(clientKeyBytes).fill(7));
  for (let code = 0; code < 0x200; code += 1) {
    const other = text.slice(0, 20) + String.fromCharCode(code) + text.slice(21);
    assert.equal(hasKeyForm(other), /[0-9A-Za-z]/u.test(other.charAt(20)), `character ${code}`);
  }
  for (const other of [text.slice(1), `${text}a`, text.slice(0, -1), `agw-${text.slice(4)}`, text.toUpperCase()])
    assert.equal(hasKeyForm(other), false, other);
});
