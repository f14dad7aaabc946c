// Two gateways that claim the same spool, each step of the one at the worst moment of the other.
import assert from 'node:assert/strict';
import fs, { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { claimLeftSpool, claimSpool, listSpools } from './claim.ts';

let root = '';
let folder = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'aigateway-claim-'));
  folder = join(root, 'spool_a');
});
afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
  rmSync(root, { recursive: true });
});

/** Does something once, right before the next claim locks what it has opened. */
function beforeTheNextLocks(work: () => void): void {
  const { mock: locking } = mock.method(DatabaseSync.prototype, 'exec', function lock(this: DatabaseSync, sql: string) {
    locking.restore();
    work();
    this.exec(sql);
  });
}

/** Does something once, right after the next folder was made. */
function afterTheNextFolder(work: () => void): void {
  const { mock: making } = mock.method(fs, 'mkdirSync', (path: string, options: object) => {
    making.restore();
    syncBuiltinESMExports();
    fs.mkdirSync(path, options);
    work();
  });
  syncBuiltinESMExports();
}

/** Does something once, right before the next folder is deleted. */
function beforeTheNextIsDeleted(work: () => void): void {
  const { mock: deleting } = mock.method(fs, 'rmSync', (path: string, options: object) => {
    deleting.restore();
    syncBuiltinESMExports();
    work();
    fs.rmSync(path, options);
  });
  syncBuiltinESMExports();
}

/** Does something once, right after the next look whether a file is there. */
function afterTheNextLook(work: () => void): void {
  const { mock: looking } = mock.method(fs, 'existsSync', (path: string) => {
    looking.restore();
    syncBuiltinESMExports();
    const isThere = fs.existsSync(path);
    work();
    return isThere;
  });
  syncBuiltinESMExports();
}

test('a spool of which there is but the folder is being made, and is not taken for one that was left', () => {
  let other: unknown = 'not asked';
  afterTheNextFolder(() => (other = claimLeftSpool(folder)));
  const own = claimSpool(folder);
  assert.equal(other, undefined);
  assert.ok(own);
  assert.deepEqual(readdirSync(folder), ['lock']);
  own.release();
});

test('a spool that another one took, found empty and deleted before it was locked is not had', () => {
  beforeTheNextLocks(() => claimLeftSpool(folder)?.remove());
  assert.equal(claimSpool(folder), undefined);
  assert.deepEqual(listSpools(root), []);
  const again = claimSpool(folder);
  assert.ok(again, 'another time it is');
  again.release();
});

test('a spool is locked until it is deleted: nobody has it in between', () => {
  const first = claimSpool(folder);
  let second: unknown = 'not asked';
  beforeTheNextIsDeleted(() => (second = claimLeftSpool(folder)));
  first?.remove();
  assert.equal(second, undefined);
  assert.deepEqual(listSpools(root), []);
});

test('what is gone is not made again by who came to take it over, whenever it went', () => {
  assert.equal(claimLeftSpool(folder), undefined);
  claimSpool(folder)?.release();
  // Who deletes it begins with the lock.
  afterTheNextLook(() => rmSync(join(folder, 'lock')));
  assert.equal(claimLeftSpool(folder), undefined);
  assert.deepEqual(readdirSync(folder), []);
  claimSpool(folder)?.release();
  beforeTheNextLocks(() => rmSync(folder, { recursive: true }));
  assert.equal(claimLeftSpool(folder), undefined);
  assert.deepEqual(listSpools(root), []);
});

test('a spool that was left is had by one, with its lock or without it', () => {
  claimSpool(folder)?.release();
  writeFileSync(join(folder, '00000001.log'), '');
  for (const hasLock of [true, false]) {
    if (!hasLock) rmSync(join(folder, 'lock'));
    const claim = claimLeftSpool(folder);
    assert.ok(claim, String(hasLock));
    assert.equal(claimLeftSpool(folder), undefined);
    assert.equal(claimSpool(folder), undefined);
    claim.release();
  }
  claimLeftSpool(folder)?.remove();
  assert.ok(!existsSync(folder));
});
