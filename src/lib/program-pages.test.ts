// Only what can be read from its file again is let go, and the program goes on.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { getBuiltinModule } from 'node:process';
import { test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { disposableMappings, programPages, stillMapped, type Mapping } from './program-pages.ts';

const file = 'fe:00 5333451   /usr/bin/node';
const cases: readonly (readonly [string, string, string, number])[] = [
  ['text', `00400000-00402000 r-xp 00000000 ${file}`, 'Anonymous:             0 kB', 1],
  ['constants', `00400000-00402000 r--p 00001000 ${file}`, 'Anonymous:             0 kB', 1],
  ['what the linker has changed', `00400000-00402000 r--p 00001000 ${file}`, 'Anonymous:            24 kB', 0],
  ['what can be written', `00400000-00402000 rw-p 00001000 ${file}`, 'Anonymous:             0 kB', 0],
  ['what others share', `00400000-00402000 r--s 00001000 ${file}`, 'Anonymous:             0 kB', 0],
  ['memory of no file', '00400000-00402000 r--p 00000000 00:00 0', 'Anonymous:             0 kB', 0],
  ['the system itself', '00400000-00402000 r-xp 00000000 00:00 0   [vdso]', 'Anonymous:             0 kB', 0],
  ['what is not told', `00400000-00402000 r-xp 00000000 ${file}`, 'Size:                  8 kB', 0],
];

for (const [what, head, line, count] of cases) {
  test(`${count === 1 ? 'let go' : 'kept'}: ${what}`, () => {
    const found = disposableMappings(`${head}\nRss:                   8 kB\n${line}\nVmFlags: rd mr mw me\n`);
    assert.deepEqual(found, count === 1 ? [{ fromAddress: 0x400000n, sizeBytes: 0x2000n, line: head }] : []);
  });
}

test('each mapping is judged by its own lines', () => {
  const found = disposableMappings(
    `00400000-00402000 r-xp 00000000 ${file}\nAnonymous: 4 kB\n7f0000001000-7f0000002000 r--p 00000000 ${file}\nAnonymous: 0 kB\n`,
  );
  assert.deepEqual(
    found.map(({ fromAddress, sizeBytes }) => [fromAddress, sizeBytes]),
    [[0x7f0000001000n, 0x1000n]],
  );
});

test('what has been mapped anew since is not what was known', () => {
  const known = ['r-xp 00000000', 'r--p 00001000'].map((kind, i): Mapping => {
    const line = `0040${i}000-00402000 ${kind} ${file}`;
    return { fromAddress: BigInt(i), sizeBytes: 0x1000n, line };
  });
  const [text, constants] = known;
  assert.deepEqual(stillMapped(known, `${text?.line}\n${constants?.line}\n`), known);
  assert.deepEqual(stillMapped(known, `${text?.line}\n00401000-00402000 rw-p 00000000 00:00 0\n`), [text]);
  assert.deepEqual(stillMapped(known, ''), []);
});

test('a process lets go of most of its program, and goes on', (context) => {
  // A Node.js that stands in huge pages of its own has nothing to give.
  const isPossible =
    process.platform === 'linux' &&
    (getBuiltinModule('node:ffi') as unknown) !== undefined &&
    !process.execArgv.some((argument) => /^--use-largepages=(?!off)/u.test(argument));
  const pages = programPages();
  const given = (release: () => void): number => {
    const before = process.memoryUsage.rss();
    release();
    const bytes = before - process.memoryUsage.rss();
    context.diagnostic(`${(bytes / 2 ** 20).toFixed(0)} MiB`);
    assert.equal(JSON.stringify(structuredClone({ still: [1, 'here'] })), '{"still":[1,"here"]}');
    return bytes;
  };
  // A load that follows the start at once leaves no rest in which `release` would be called.
  const first = given(() => pages.releaseAgain());
  if (isPossible) assert.ok(first > 4 << 20, `${first} bytes given back`);
  touchMuch();
  const anew = given(() => pages.release());
  if (isPossible) assert.ok(anew > 1 << 20, `${anew} bytes given back anew`);
  touchMuch();
  const again = given(() => pages.releaseAgain());
  if (isPossible) assert.ok(again > 1 << 20, `${again} bytes given back again`);
});

/** Parts of the program that are far from each other. */
function touchMuch(): void {
  brotliCompressSync('x'.repeat(1000));
  new Intl.DateTimeFormat('ja', { dateStyle: 'full', timeZone: 'Asia/Tokyo' }).format(0);
  [...new Intl.Segmenter('th').segment('ab cd')].map(({ segment }) => segment.normalize('NFKD'));
  for (const name of ['md5', 'sha3-256', 'blake2b512', 'ripemd160']) createHash(name).update('x').digest();
}
