// Holds what the program never does: run what a request names, ask an upstream of its own accord, count tokens on the
// event loop, or take in a package that nobody has looked at.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startRig } from './support/rig.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources = globSync('src/**/*.ts', { cwd: root, exclude: ['src/**/*.test.ts'] }).sort();

/** The sources whose text fits. */
function having(pattern: RegExp): string[] {
  return sources.filter((path) => pattern.test(read(path)));
}

/** The sources that import this one, other than for its types. */
function importersOf(wanted: string): string[] {
  return sources.filter((path) =>
    [...read(path).matchAll(/^import (?!type )[^;]*? from '(\.[^']+)'/gmu)].some(
      ([, file = '']) => normalize(join(dirname(path), file)) === wanted,
    ),
  );
}

/** Every package that runs in the gateway, those that others bring along included. A new one is looked at before it is added here. */
const packages = [
  '@asteasolutions/zod-to-openapi',
  '@hono/zod-openapi',
  '@hono/zod-validator',
  '@opentelemetry/api',
  '@pinojs/redact',
  '@redis/client',
  'atomic-sleep',
  'bintrees',
  'colorette',
  'dateformat',
  'end-of-stream',
  'fast-copy',
  'fast-safe-stringify',
  'gpt-tokenizer',
  'help-me',
  'hono',
  'joycon',
  'kysely',
  'minimist',
  'on-exit-leak-free',
  'once',
  'openapi3-ts',
  'pg',
  'pg-connection-string',
  'pg-int8',
  'pg-pool',
  'pg-protocol',
  'pg-types',
  'pgpass',
  'pino',
  'pino-abstract-transport',
  'pino-pretty',
  'pino-std-serializers',
  'postgres-array',
  'postgres-bytea',
  'postgres-date',
  'postgres-interval',
  'process-warning',
  'prom-client',
  'pump',
  'quick-format-unescaped',
  'real-require',
  'safe-stable-stringify',
  'secure-json-parse',
  'sonic-boom',
  'split2',
  'strip-json-comments',
  'tdigest',
  'thread-stream',
  'wrappy',
  'xtend',
  'yaml',
  'zod',
];

/** Packages of one platform: Node.js itself, and what no server needs. */
const ofPlatforms = /^(?:node-(?:bin-)?(?:darwin|linux|win)-(?:arm64|x64)|pg-cloudflare)$/u;

interface Locked {
  readonly dev?: boolean;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

test('what runs in the gateway has been looked at, is what was looked at, and runs nothing when it is installed', () => {
  const { packages: locked } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  const running = Object.entries(locked).filter(([path, { dev }]) => path !== '' && dev !== true);
  const names = running.map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  const own = [...new Set(names)].filter((name) => !ofPlatforms.test(name)).sort();
  assert.deepEqual(own, packages);
  for (const [path, { integrity, hasInstallScript }] of running) {
    assert.match(integrity ?? '', /^sha512-/u, path);
    assert.equal(hasInstallScript, undefined, path);
  }
  assert.match(read('.npmrc'), /^ignore-scripts=true$/mu);
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  for (const [name, version] of Object.entries(dependencies)) assert.match(version, /^\d+\.\d+\.\d+$/u, name);
});

test('nothing starts a process or runs a text but what starts the workers and asks for a collection', () => {
  assert.deepEqual(having(/child_process|node:cluster'|process\.binding/u), [
    'src/workers/fork.ts',
    'src/workers/siblings.ts',
  ]);
  assert.deepEqual(having(/node:vm|(?<![.\w])eval\((?!text: string)|new Function\b|(?<![.\w])Function\(/u), [
    'src/lib/collect-at-rest.ts',
  ]);
});

test('an upstream is asked by a client’s request, by the administrator, and by nobody else', async () => {
  const inGateway = (paths: readonly string[]): string[] => paths.filter((path) => !path.startsWith('src/cli/'));
  assert.deepEqual(inGateway(having(/upstream\.send\(/u)), ['src/gateway/attempt.ts', 'src/upstream/ask.ts']);
  for (const way of ['src/upstream/probe.ts', 'src/upstream/books.ts']) {
    assert.deepEqual(inGateway(importersOf(way)), ['src/main.ts']);
  }
  // Both are handed on, and called nowhere else.
  assert.match(read('src/main.ts'), /\bprobe: \([^)]*\) => probe\(/u);
  assert.equal(read('src/main.ts').match(/\bprobe\(|\baskBooks\(/gu)?.length, 2);

  await using rig = await startRig();
  for (const path of ['/health', '/ready', '/metrics', '/v1/models', '/v1/nothing']) {
    for (let i = 0; i < 3; i += 1) await (await fetch(rig.url + path)).text();
  }
  for (const path of ['/accounts', '/providers', '/requests', '/usage', '/settings']) await rig.manage('GET', path);
  await rig.manage('POST', '/route/explain', { model: 'gpt-4' });
  assert.deepEqual(rig.mock.journal().entries, []);
});

test('tokens are counted in a thread of their own', () => {
  assert.deepEqual(importersOf('src/tokens/count.ts'), ['src/tokens/worker.ts']);
  assert.deepEqual(having(/gpt-tokenizer/u), ['src/tokens/worker.ts']);
  assert.deepEqual(importersOf('src/tokens/worker.ts'), []);
});
