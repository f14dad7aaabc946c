// A clone's TypeScript without its types: kept beside its packages, made anew by a process of its own where the source has changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'src');
/** Beside the code, where whoever may write could change the code itself. */
const cache = join(root, 'node_modules/.cache/aigateway');
/** A gateway that runs loads some of its parts when they are needed: the source may have changed by so many states since, or for so long. */
const keptStates = 5;
const keptMs = 24 * 3_600_000;

/**
 * Where the command line of a clone begins. Where nothing can be written, its source: Node.js then strips it at each start and
 * for each thread, which takes as long again and 15 MiB for each.
 */
export function entryOfClone() {
  const folder = join(cache, stateOfSource());
  if (!existsSync(folder)) spawnSync(process.execPath, [fileURLToPath(import.meta.url)], { stdio: 'ignore' });
  return pathToFileURL(existsSync(folder) ? join(folder, 'src/cli/main.js') : join(source, 'cli/main.ts')).href;
}

/** Another name where a file has come, gone, moved or been changed. Layers of an image keep times by the second. */
function stateOfSource() {
  const hash = createHash('sha256');
  for (const file of ['package.json', ...filesOfSource().sort()]) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file} ${size} ${Math.floor(mtimeMs / 1000)}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

function filesOfSource() {
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

/** Makes the folder under another name, so that nobody finds half of it. */
function strip() {
  // That stripping is an experiment: whoever runs a gateway can do nothing about it.
  process.removeAllListeners('warning');
  const state = stateOfSource();
  const begun = join(cache, `begun-${process.pid}`);
  for (const file of ['package.json', ...filesOfSource()]) {
    const target = join(begun, file);
    mkdirSync(dirname(target), { recursive: true });
    if (file.endsWith('.ts'))
      writeFileSync(target.replace(/\.ts$/u, '.js'), javascriptOf(readFileSync(join(root, file), 'utf8')));
    else copyFileSync(join(root, file), target);
  }
  try {
    renameSync(begun, join(cache, state));
  } catch {
    // Another start was faster.
    rmSync(begun, { recursive: true, force: true });
  }
  removeOldStates();
}

/** Lines and columns stay where they are; a neighbour has the ending that it has here. */
function javascriptOf(text) {
  return nodeModule
    .stripTypeScriptTypes(text)
    .replace(/(\bfrom |\bimport |\bimport\()('\.{1,2}\/[^'\n]+)\.ts'/gu, "$1$2.js'");
}

function removeOldStates() {
  const states = readdirSync(cache)
    .map((name) => ({ folder: join(cache, name), madeMs: statSync(join(cache, name)).mtimeMs }))
    .sort((a, b) => b.madeMs - a.madeMs);
  const old = states.slice(keptStates).filter(({ madeMs }) => madeMs < Date.now() - keptMs);
  for (const { folder } of old) rmSync(folder, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) strip();
