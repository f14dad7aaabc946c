// Only what can be read from its file again is let go, and the program goes on.
import assert from 'node:assert/strict';
import { getBuiltinModule } from 'node:process';
import { test } from 'node:test';
import { disposableMappings, releaseProgramPages } from './program-pages.ts';

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
    assert.deepEqual(found, count === 1 ? [{ fromAddress: 0x400000n, sizeBytes: 0x2000n }] : []);
  });
}

test('each mapping is judged by its own lines', () => {
  const found = disposableMappings(
    `00400000-00402000 r-xp 00000000 ${file}\nAnonymous: 4 kB\n7f0000001000-7f0000002000 r--p 00000000 ${file}\nAnonymous: 0 kB\n`,
  );
  assert.deepEqual(found, [{ fromAddress: 0x7f0000001000n, sizeBytes: 0x1000n }]);
});

test('a process lets go of most of its program, and goes on', (context) => {
  const before = process.memoryUsage.rss();
  releaseProgramPages();
  const given = before - process.memoryUsage.rss();
  context.diagnostic(`${(given / 2 ** 20).toFixed(0)} MiB`);
  const isPossible = process.platform === 'linux' && (getBuiltinModule('node:ffi') as unknown) !== undefined;
  // A Node.js that stands in huge pages of its own has nothing to give.
  if (isPossible && process.execArgv.length === 0) assert.ok(given > 4 << 20, `${given} bytes given back`);
  assert.equal(JSON.stringify(structuredClone({ still: [1, 'here'] })), '{"still":[1,"here"]}');
});
