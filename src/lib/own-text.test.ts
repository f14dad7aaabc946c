// Texts of one's own say the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownText } from './own-text.ts';

test('a copy says what the text said', () => {
  for (const text of ['', 'a', 'x'.repeat(12), 'req_0123456789', 'ü€😀'.repeat(9), '😀 in the beginning']) {
    assert.equal(ownText(text), text);
    assert.equal(ownText(`${text}|${text}`.slice(text.length + 1)), text);
  }
});
