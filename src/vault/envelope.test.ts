// Tests the envelopes: only the right key, for the right owner, opens what nobody has touched.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { keyIdOf, masterKey, reseal, seal, sealedContent, unseal, UnsealError } from './envelope.ts';

const plain = '{"api_key":"sk-proj-canary0123456789"}';
const owner = 'account acc_1';
const master = masterKey(randomBytes(32));

function assertSealed(sealed: string, who: string, why: RegExp, masters = [master]): void {
  assert.throws(
    () => unseal(masters, sealed, who),
    (error: Error) => {
      assert.ok(error instanceof UnsealError);
      assert.match(error.message, why);
      assert.ok(!inspect(error).includes('canary'));
      return true;
    },
  );
}

test('what was sealed opens, and never looks the same twice', () => {
  for (const text of ['', plain, 'ünïcode ✓', 'x'.repeat(100_000)]) {
    const sealed = seal(master, text, owner);
    assert.equal(unseal([master], sealed, owner), text);
    assert.notEqual(seal(master, text, owner), sealed);
    assert.match(sealed, /^agwv1\.[0-9a-f]{16}\.[\w+/=]+\.[\w+/=]+$/u);
  }
  assert.ok(!seal(master, plain, owner).includes('canary'));
});

test('an envelope in another row does not open', () => {
  const sealed = seal(master, plain, owner);
  for (const who of ['account acc_2', 'account acc_1 ', 'vault proof', '']) assertSealed(sealed, who, /another row/u);
});

test('another key does not open it, and is named', () => {
  const sealed = seal(master, plain, owner);
  assertSealed(sealed, owner, new RegExp(`another master key \\(id ${master.id}\\)`, 'u'), [
    masterKey(randomBytes(32)),
  ]);
  assertSealed(sealed, owner, /another master key/u, []);
  // A key that claims the same id still cannot.
  assertSealed(sealed, owner, /has been changed/u, [{ id: master.id, bytes: randomBytes(32) }]);
});

test('a changed byte anywhere does not open', () => {
  const parts = seal(master, plain, owner).split('.');
  for (const part of [2, 3]) {
    const bytes = Buffer.from(parts[part] ?? '', 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assertSealed(parts.with(part, changed.toString('base64')).join('.'), owner, /has been changed/u);
    }
    for (const length of [0, 5, 12, 20, 27]) {
      assertSealed(
        parts.with(part, bytes.subarray(0, length).toString('base64')).join('.'),
        owner,
        /has been changed/u,
      );
    }
  }
});

test('the halves of two envelopes do not make one', () => {
  const one = seal(master, plain, owner).split('.');
  const two = seal(master, plain, owner).split('.');
  assertSealed([one[0], one[1], one[2], two[3]].join('.'), owner, /has been changed/u);
});

test('what was never sealed is told apart', () => {
  for (const text of [
    '',
    'sk-proj-canary',
    '{"api_key":"canary"}',
    'agwv1',
    'agwv1.a.b',
    'agwv2.a.b.c',
    'agwv1.a.b.c.d',
  ]) {
    assertSealed(text, owner, /was not encrypted by aigateway/u);
  }
});

test('another master key takes an envelope over without touching its content', () => {
  const next = masterKey(randomBytes(32));
  const sealed = seal(master, plain, owner);
  const moved = reseal([next, master], sealed, owner) ?? '';
  assert.equal(unseal([next], moved, owner), plain);
  assertSealed(moved, owner, /another master key/u);
  assert.deepEqual([keyIdOf(sealed), keyIdOf(moved)], [master.id, next.id]);
  assert.equal(sealedContent(moved), sealedContent(sealed));
  assert.notEqual(sealedContent(seal(master, plain, owner)), sealedContent(sealed), 'a new seal is new inside, too');
  assert.equal(reseal([next, master], moved, owner), undefined);
  for (const [masters, text, who, isOtherKey] of [
    [[next], sealed, owner, true],
    [[next, master], sealed, 'account acc_2', false],
    [[next, master], `${sealed.slice(0, -6)}AAAAAA`, owner, false],
    [[next, master], 'plain text', owner, false],
  ] as const) {
    assert.throws(
      () => reseal(masters, text, who),
      (error: Error) => error instanceof UnsealError && error.isOtherKey === isOtherKey,
    );
  }
  assert.deepEqual(['', 'plain text', 'agwv2.x.y.z'].map(keyIdOf), ['', '', '']);
});
