// The ledger against the fake OpenAI's journal, row for row, when the gateway is killed, ended, locked out or out of disk.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import { eventually } from '../support/await.ts';
import { LedgerGround } from '../support/ledger-ground.ts';

const perSecond = 200;

suite('the ledger', () => {
  test('killed at 50 random moments under 200 requests a second', async (context) => {
    await using ground = await LedgerGround.open();
    const deaths: number[] = [];
    for (let n = 0; n < 50; n += 1) {
      await ground.start();
      const traffic = ground.traffic(perSecond, 3000);
      await new Promise((resolve) => setTimeout(resolve, randomInt(200, 1200)));
      deaths.push(await ground.end('SIGKILL'));
      await traffic;
    }
    await ground.start();
    await ground.end('SIGTERM');
    const { requests, attempts, unknown } = ground.check(deaths);
    context.diagnostic(`${requests} requests, ${attempts} attempts, ${unknown} of unknown end`);
    assert.ok(requests > 2000 && unknown > 0);
  });

  test('ended by SIGTERM in the middle of traffic', async () => {
    await using ground = await LedgerGround.open();
    for (let n = 0; n < 3; n += 1) {
      await ground.start();
      const traffic = ground.traffic(perSecond, 1500);
      await new Promise((resolve) => setTimeout(resolve, 800));
      await ground.end('SIGTERM');
      await traffic;
    }
    assert.equal(ground.check([]).unknown, 0);
  });

  test('the database is locked for 5 seconds, twice, once with a kill in between', async () => {
    await using ground = await LedgerGround.open();
    await ground.start();
    const lock = async (whileLocked: () => Promise<void>): Promise<void> => {
      const other = new DatabaseSync(join(ground.folder, 'aigateway.db'), { timeout: 5000 });
      other.exec('BEGIN EXCLUSIVE');
      await whileLocked();
      other.exec('ROLLBACK');
      other.close();
    };
    await ground.traffic(perSecond, 500);
    await lock(() => ground.traffic(perSecond, 5000));
    await ground.traffic(perSecond, 500);
    const deaths: number[] = [];
    await lock(async () => {
      const traffic = ground.traffic(perSecond, 5000);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      deaths.push(await ground.end('SIGKILL'));
      await traffic;
    });
    await ground.start();
    await ground.end('SIGTERM');
    ground.check(deaths);
  });

  test('the disk is full for a while, and the gateway is killed meanwhile', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-small-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', folder], { stdio: 'pipe' });
    } catch {
      assert.equal(process.env['CI'], undefined, 'CI must be able to mount a small disk');
      context.skip('this user has no right to mount a small disk');
      return;
    }
    try {
      await using ground = await LedgerGround.open(join(folder, 'data'));
      const filler = join(folder, 'filler');
      const fill = (): void => {
        const file = openSync(filler, 'w');
        for (let size = 1 << 20; size >= 512;) {
          try {
            writeSync(file, Buffer.alloc(size));
          } catch {
            size /= 2;
          }
        }
        closeSync(file);
      };
      await ground.start();
      await ground.traffic(perSecond, 1000);
      fill();
      await ground.traffic(perSecond, 3000);
      const ready = await (await fetch(`${ground.url}/ready`)).text();
      assert.match(ready, /ledger_disk|database/u);
      rmSync(filler);
      await eventually(
        'all is well again',
        async () => (await (await fetch(`${ground.url}/ready`)).text()) === '{"status":"ready"}',
        30_000,
      );
      await ground.traffic(perSecond, 500);
      fill();
      const traffic = ground.traffic(perSecond, 2000);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const deaths = [await ground.end('SIGKILL')];
      await traffic;
      rmSync(filler);
      await ground.start();
      await ground.end('SIGTERM');
      ground.check(deaths);
    } finally {
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
