// A folder is made with those above it, or the system's word is heard.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder } from './make-folder.ts';

test('it is made with those above it, once, and for its owner alone', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'aigateway-folder-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const path = join(root, 'a', 'b', 'c');
  makeFolder(path);
  makeFolder(path);
  makeFolder(`${path}/`);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  writeFileSync(join(root, 'file'), '');
  for (const taken of [join(root, 'file'), join(root, 'file', 'x')])
    assert.throws(() => makeFolder(taken), /EEXIST|ENOTDIR/u);
});

test('where nothing can be made it says so, and does not try for ever', { skip: !existsSync('/proc/self') }, () => {
  assert.throws(() => makeFolder('/proc/aigateway'), /ENOENT/u);
  assert.throws(() => makeFolder('/proc/aigateway/data'), /ENOENT/u);
});
