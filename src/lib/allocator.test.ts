// What is free between pieces that are not goes back to the system, and nobody is warned of how.
import assert from 'node:assert/strict';
import { getBuiltinModule } from 'node:process';
import { test } from 'node:test';
import { allocatorTrim } from './allocator.ts';
import { free } from './bytes.ts';

const hasGlibc = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header
  .glibcVersionRuntime;
const pieceBytes = 60_000;
const pieces = 2000;

test('free memory between pieces in use is given back, without a warning', async (context) => {
  const warnings: string[] = [];
  const hear = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', hear);
  const all = Array.from({ length: pieces }, () => Buffer.allocUnsafeSlow(pieceBytes).fill(1));
  const kept = all.filter((_, n) => n % 20 === 0);
  for (const [n, piece] of all.entries()) if (n % 20 !== 0) free(piece);
  const trim = allocatorTrim();
  const before = process.memoryUsage.rss();
  trim();
  const given = before - process.memoryUsage.rss();
  await new Promise(setImmediate);
  process.off('warning', hear);
  context.diagnostic(`${(given / 2 ** 20).toFixed(0)} MiB`);
  assert.deepEqual(warnings, []);
  assert.ok(kept.every((piece) => piece.every((byte) => byte === 1)));
  const isPossible = hasGlibc !== undefined && (getBuiltinModule('node:ffi') as unknown) !== undefined;
  if (isPossible) assert.ok(given > (pieces * pieceBytes) / 2, `${given} bytes given back`);
});
