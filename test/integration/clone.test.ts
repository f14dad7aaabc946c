// A clone runs from a copy of its source without types, which follows every change.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A clone of its own, with the packages of this one. */
function makeClone(t: TestContext): string {
  const clone = mkdtempSync(join(tmpdir(), 'aigateway-clone-'));
  t.after(() => rmSync(clone, { recursive: true, force: true }));
  for (const name of ['bin', 'src', 'package.json'])
    cpSync(join(root, name), join(clone, name), { recursive: true, preserveTimestamps: true });
  mkdirSync(join(clone, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '.cache') symlinkSync(join(root, 'node_modules', name), join(clone, 'node_modules', name));
  return clone;
}

/** What the command line says of its version. */
async function sayVersion(clone: string): Promise<string> {
  const child = spawn(process.execPath, [join(clone, 'bin/aigateway.js'), '--version'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  await new Promise((resolve) => child.on('close', resolve));
  return said;
}

const copies = (clone: string): string[] => readdirSync(join(clone, 'node_modules/.cache/aigateway'));

test('a change of the source is there at the next start', async (t) => {
  const clone = makeClone(t);
  assert.match(await sayVersion(clone), /^\d+\.\d+\.\d+\n$/u);
  assert.equal(copies(clone).length, 1);
  await sayVersion(clone);
  assert.equal(copies(clone).length, 1);
  appendFileSync(join(clone, 'src/cli/main.ts'), "const added: string = 'was added';\nprocess.stdout.write(added);\n");
  assert.match(await sayVersion(clone), /^was added/u);
});

test('a file that has moved is found anew, though nothing in it has changed', async (t) => {
  const clone = makeClone(t);
  await sayVersion(clone);
  renameSync(join(clone, 'src/lib/sleep.ts'), join(clone, 'src/lib/slept.ts'));
  await sayVersion(clone);
  assert.equal(copies(clone).length, 2);
});

test('starts at the same moment make one copy, and each runs', async (t) => {
  const clone = makeClone(t);
  for (const said of await Promise.all([1, 2, 3].map(() => sayVersion(clone))))
    assert.match(said, /^\d+\.\d+\.\d+\n$/u);
  assert.equal(copies(clone).length, 1);
});

test('old copies go, the newest stay', async (t) => {
  const clone = makeClone(t);
  const cache = join(clone, 'node_modules/.cache/aigateway');
  const makeCopies = (name: string, madeSeconds: number): void => {
    for (let i = 1; i <= 7; i += 1) {
      mkdirSync(join(cache, `${name}-${i}`), { recursive: true });
      utimesSync(join(cache, `${name}-${i}`), madeSeconds + i, madeSeconds + i);
    }
  };
  makeCopies('old', 0);
  await sayVersion(clone);
  assert.deepEqual(
    copies(clone)
      .filter((name) => name.startsWith('old-'))
      .sort(),
    ['old-4', 'old-5', 'old-6', 'old-7'],
  );
  // A gateway that runs may have begun with any of today's.
  makeCopies('new', Date.now() / 1000 - 3600);
  appendFileSync(join(clone, 'src/cli/main.ts'), '// \n');
  await sayVersion(clone);
  assert.deepEqual(copies(clone).filter((name) => /^(?:old|new)-/u.test(name)).length, 7);
});

test('where no copy can be written, the source runs as it is', async (t) => {
  const clone = makeClone(t);
  // Not a right that is taken away: whoever runs the tests may be allowed everything.
  symlinkSync('/dev/null', join(clone, 'node_modules/.cache'));
  assert.match(await sayVersion(clone), /^\d+\.\d+\.\d+\n$/u);
});
