// Tests of a backup that is broken off, or in another's way.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeBackup } from './db.ts';

test('a backup has its name when it is whole, and not before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-backup-'));
  const file = join(folder, 'copy.db');
  const other = { backup: () => assert.fail('it was begun') };
  await writeBackup(
    {
      async backup(copy) {
        writeFileSync(copy, 'half of it');
        assert.ok(!existsSync(file), 'what is there now may be all that ever will be');
        await assert.rejects(writeBackup(other, file), /copy\.db\.part exists: a backup is being written/u);
        writeFileSync(copy, 'all of it');
      },
    },
    file,
  );
  assert.deepEqual(readdirSync(folder), ['copy.db']);
  await assert.rejects(writeBackup(other, file), /copy\.db exists already; a backup never overwrites/u);
  const full = { backup: () => Promise.reject(new Error('the disk is full')) };
  await assert.rejects(writeBackup(full, join(folder, 'second.db')), /the disk is full/u);
  assert.deepEqual(readdirSync(folder), ['copy.db']);
  assert.equal(readFileSync(file, 'utf8'), 'all of it');
  rmSync(folder, { recursive: true });
});
