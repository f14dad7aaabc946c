// Holds the law of the house: who may import whom, where names and packages may stand, and that every registry is complete.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findAuthStrategy } from '../src/providers/auth-strategies.ts';
import { baseUrlProblem } from '../src/providers/base-url.ts';
import { endpoints } from '../src/providers/openai/endpoints.ts';
import { builtInProviders, modelPrefixes, otherVendor, vendorOf, vendors } from '../src/providers/registry.ts';
import { migrations as postgresMigrations } from '../src/storage/postgres/migrations/registry.ts';
import { migrations as sqliteMigrations } from '../src/storage/sqlite/migrations/registry.ts';

const belowGateway = [
  'lib',
  'core',
  'configuration',
  'ledger',
  'limits',
  'pool',
  'prices',
  'providers',
  'reconciliation',
  'shared-state',
  'storage',
  'telemetry',
  'tokens',
  'upstream',
  'vault',
  'workers',
];

/** Room → the rooms it may import from, besides itself. A new room needs a row here. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  core: ['lib'],
  mock: ['lib'],
  ledger: ['lib', 'core', 'storage'],
  pool: ['lib', 'core', 'shared-state'],
  prices: ['lib', 'core'],
  providers: ['lib', 'core'],
  reconciliation: ['lib', 'core', 'prices'],
  storage: ['lib', 'core'],
  telemetry: ['lib', 'core'],
  tokens: ['lib', 'core'],
  'shared-state': ['lib', 'core'],
  limits: ['lib', 'core', 'shared-state'],
  upstream: ['lib', 'core'],
  vault: ['lib', 'core'],
  workers: ['lib', 'core', 'shared-state'],
  configuration: ['lib', 'core', 'prices', 'providers', 'storage', 'vault'],
  gateway: ['lib', 'core', 'limits', 'pool', 'upstream'],
  management: [
    'lib',
    'core',
    'configuration',
    'pool',
    'prices',
    'providers',
    'reconciliation',
    'storage',
    'upstream',
    'vault',
  ],
  http: ['lib', 'core', 'gateway', 'management'],
  main: [...belowGateway, 'gateway', 'management', 'http'],
  chaos: ['lib', 'core', 'configuration', 'providers', 'storage', 'main', 'mock'],
  cli: [...belowGateway, 'gateway', 'management', 'http', 'main', 'mock', 'chaos'],
};

/** Concrete implementations → what else may import them: everybody else knows the interface beside them. */
const hidden: Readonly<Record<string, readonly string[]>> = {
  'src/storage/postgres/': ['src/storage/postgres/', 'src/storage/open-', 'src/storage/move/'],
  'src/storage/sqlite/': ['src/storage/sqlite/', 'src/storage/open-', 'src/storage/move/'],
  'src/shared-state/memory/': ['src/shared-state/memory/', 'src/shared-state/open-', 'src/shared-state/redis/'],
  'src/shared-state/local/': ['src/shared-state/local/', 'src/shared-state/open-', 'src/workers/'],
  'src/shared-state/redis/': ['src/shared-state/redis/', 'src/shared-state/open-', 'src/shared-state/local/'],
  'src/upstream/http1/': ['src/upstream/http1/', 'src/main.ts', 'src/cli/'],
  'src/providers/openai/': ['src/providers/', 'src/main.ts'],
};

/** Package → the rooms that may import it. */
const packageRooms: Readonly<Record<string, readonly string[]>> = {
  '@hono/zod-openapi': ['management'],
  '@redis/client': ['shared-state'],
  'gpt-tokenizer': ['tokens'],
  hono: ['management'],
  kysely: ['storage'],
  pg: ['storage'],
  pino: ['telemetry'],
  'pino-pretty': ['telemetry'],
  'prom-client': ['telemetry'],
  zod: ['configuration', 'mock', 'pool'],
};

/** Rooms in which a vendor's names are at home. */
const vendorRooms = ['providers', 'mock'];

const wireHeaders = "header names of OpenAI's wire format, which is the format of this gateway's own clients";

/** Vendor words elsewhere, each with its reason. One that is not needed any more fails the test. */
const vendorWords: Readonly<Record<string, { readonly words: readonly string[]; readonly reason: string }>> = {
  'src/gateway/headers.ts': { words: ['openai-beta', 'openai-organization', 'openai-project'], reason: wireHeaders },
  'src/upstream/probe.ts': { words: ['openai-organization', 'openai-project'], reason: wireHeaders },
  'src/tokens/worker.ts': { words: ['gpt-tokenizer'], reason: 'the name of a package' },
  'src/main.ts': { words: ['openai'], reason: "hands the vendor's table of endpoints to the data plane" },
  'src/management/contract/route.ts': { words: ['gpt-4*'], reason: 'an example in the OpenAPI document' },
  'src/cli/accounts.ts': {
    words: ['openai', 'OpenAI-Organization', 'OpenAI-Project', 'OPENAI_API_KEY'],
    reason: 'the default of --provider and the words of the help',
  },
  'src/cli/demo.ts': { words: ['openai', 'gpt-4'], reason: 'the demo shows the specified provider' },
  'src/cli/keys.ts': { words: ['gpt-4*'], reason: 'an example in the help' },
  'src/cli/reconcile.ts': { words: ['OPENAI_ADMIN_KEY'], reason: 'an example in the help' },
  'src/cli/mock.ts': { words: ['gpt-fault-'], reason: 'the help of the fake OpenAI' },
};

/** Source file by its path from the project's folder → its text. */
type Sources = Readonly<Record<string, string>>;

function roomOf(path: string): string {
  const [, first = '', ...rest] = path.split('/');
  return rest.length === 0 ? first.replace(/\.ts$/u, '') : first;
}

/** What a file imports: files by their path from the project's folder, packages by their name. */
function importsOf(path: string, text: string): { files: string[]; typeFiles: string[]; packages: string[] } {
  const statement =
    /^(?:import|export)( type)?\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gmu;
  const found = [...text.matchAll(statement)].map(([, type, from, bare, dynamic]) => ({
    isType: type !== undefined,
    name: from ?? bare ?? dynamic ?? '',
  }));
  const fileOf = (name: string): string => normalize(join(dirname(path), name)).replaceAll('\\', '/');
  const packageOf = (name: string): string => name.split('/', name.startsWith('@') ? 2 : 1).join('/');
  const local = found.filter(({ name }) => name.startsWith('.'));
  return {
    files: local.map(({ name }) => fileOf(name)),
    typeFiles: local.filter(({ isType }) => isType).map(({ name }) => fileOf(name)),
    packages: found
      .map(({ name }) => name)
      .filter((name) => !/^(?:\.|node:)/u.test(name))
      .map(packageOf),
  };
}

/** Every import that the law forbids, one sentence each. */
function importProblems(sources: Sources): string[] {
  const problems: string[] = [];
  for (const [path, text] of Object.entries(sources)) {
    const room = roomOf(path);
    const allowed = mayImport[room];
    if (allowed === undefined) {
      problems.push(`${path}: the room ${room} has no row in the import law`);
      continue;
    }
    const { files, packages } = importsOf(path, text);
    for (const file of files) {
      const target = roomOf(file);
      if (!(file in sources)) problems.push(`${path} imports ${file}, which is no source file`);
      else if (target !== room && !allowed.includes(target)) problems.push(`${path} (${room}) imports ${file}`);
      const secret = Object.entries(hidden).find(([start]) => file.startsWith(start));
      if (secret !== undefined && ![secret[0], ...secret[1]].some((start) => path.startsWith(start)))
        problems.push(`${path} imports the concrete ${file}`);
    }
    for (const name of packages) {
      if (packageRooms[name]?.includes(room) !== true) problems.push(`${path} imports the package ${name}`);
    }
  }
  return problems;
}

/** A way from a file back to itself, or undefined. `seesTypes` says for which rooms imports of types count too. */
function findCycle(sources: Sources, seesTypes: (room: string) => boolean): string[] | undefined {
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return undefined;
    const { files, typeFiles } = importsOf(path, sources[path] ?? '');
    for (const next of seesTypes(roomOf(path)) ? files : files.filter((file) => !typeFiles.includes(file))) {
      const cycle = visit(next, [...way, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  };
  for (const path of Object.keys(sources)) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** The code without its comments. Good enough for this code: `//` after a colon stands in a URL. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//gu, '').replaceAll(/(?<![:'"`\\/])\/\/.*$/gmu, '');
}

/** Words that name a vendor, model families included. `OpenAI` alone, as prose, is the name of the wire format. */
function vendorWordsIn(text: string): string[] {
  const found = withoutComments(text).match(/[\w-]*(?:openai|gpt-)[\w.*-]*/giu) ?? [];
  const words = found.map((word) => word.replace(/\.+$/u, ''));
  return [...new Set(words.filter((word) => word !== 'OpenAI'))];
}

/** Vendor words where they are not at home and no exception holds, and exceptions that nothing needs. */
function vendorProblems(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([path, text]) => {
    if (vendorRooms.includes(roomOf(path))) return [];
    const allowed = vendorWords[path]?.words ?? [];
    const found = vendorWordsIn(text);
    return [
      ...found.filter((word) => !allowed.includes(word)).map((word) => `${path}: "${word}" names a vendor`),
      ...allowed
        .filter((word) => !found.includes(word))
        .map((word) => `${path}: the exception "${word}" is not needed`),
    ];
  });
}

/** What is wrong with the form of a file. */
function formProblems(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([path, text]) => {
    const code = withoutComments(text);
    const rules: readonly (readonly [isBroken: boolean, what: string])[] = [
      [!/^\/\/ \S.*[.:!?]\n/u.test(text), 'does not open with a comment line that is a sentence'],
      [text.split('\n').length - 1 > 300, 'has more than 300 lines'],
      [/^export default\b|\bas default\b/mu.test(code), 'has a default export'],
      [/(?:[:<|,]\s*|\bas\s+)any\b(?=\s*(?:[;,)>=\]|&[{]|$))/mu.test(code), 'uses the type any'],
      [/(?:helper|util|manager|service)/iu.test(path), 'has a name that says nothing'],
    ];
    return rules.flatMap(([isBroken, what]) => (isBroken ? [`${path} ${what}`] : []));
  });
}

const root = fileURLToPath(new URL('..', import.meta.url));
const paths = globSync('src/**/*.ts', { cwd: root }).map((path) => path.replaceAll('\\', '/'));
const all: Sources = Object.fromEntries(paths.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
/** Tests stand outside the import law: they may bring any rooms together. */
const sources: Sources = Object.fromEntries(Object.entries(all).filter(([path]) => !path.endsWith('.test.ts')));

test('the law is read from real files', () => {
  assert.ok(Object.keys(sources).length > 100, `${Object.keys(sources).length} source files`);
  const { files, packages } = importsOf('src/main.ts', sources['src/main.ts'] ?? '');
  assert.ok(files.includes('src/gateway/gateway.ts') && files.length > 15, files.join(', '));
  assert.deepEqual(packages, []);
});

test('imports go down only', () => assert.deepEqual(importProblems(sources), []));

test('no import leads back to where it began', () => {
  // In the fake OpenAI the script's types name the faults, and the faults know the script's keys: types only.
  assert.equal(findCycle(sources, (room) => room !== 'mock')?.join(' → '), undefined);
});

test("a vendor's names stay at home", () => assert.deepEqual(vendorProblems(sources), []));

test('every file has the form of the house', () => assert.deepEqual(formProblems(all), []));

test('every thread tends its memory: V8 would let each of their heaps grow to a multiple of what it needs', () => {
  const threads = Object.entries(sources).filter(([, text]) => text.includes('parentPort'));
  assert.ok(threads.length >= 3, `${threads.length} threads`);
  const untended = threads.filter(([, text]) => !text.includes('tendThreadMemory('));
  assert.deepEqual(
    untended.map(([path]) => path),
    [],
  );
});

test('every runtime dependency is used where the law says', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
  assert.deepEqual(Object.keys(packageRooms).sort(), Object.keys(manifest.dependencies).sort());
  const used = new Set(Object.entries(sources).flatMap(([path, text]) => importsOf(path, text).packages));
  assert.deepEqual([...used].sort(), Object.keys(packageRooms).sort());
});

test('the checker finds what breaks the law', () => {
  const broken = (path: string, text: string): string[] => [
    ...importProblems({ ...sources, [path]: `// A file.\n${text}\n` }),
    ...formProblems({ [path]: `// A file.\n${text}\n` }),
    ...vendorProblems({ [path]: text }),
  ];
  const examples: readonly (readonly [path: string, text: string, problem: RegExp])[] = [
    ['src/lib/a.ts', "import { x } from '../core/errors.ts';", /\(lib\) imports src\/core\/errors\.ts/u],
    ['src/core/a.ts', "import {\n  x,\n} from '../pool/pool.ts';", /\(core\) imports src\/pool/u],
    ['src/gateway/a.ts', "import type { X } from '../storage/storage.ts';", /\(gateway\) imports src\/storage/u],
    ['src/gateway/a.ts', "export { x } from '../providers/registry.ts';", /\(gateway\) imports src\/providers/u],
    ['src/gateway/a.ts', "const x = await import('../vault/vault.ts');", /\(gateway\) imports src\/vault/u],
    ['src/management/a.ts', "import '../gateway/gateway.ts';", /\(management\) imports src\/gateway/u],
    ['src/management/a.ts', "import { x } from '../storage/sqlite/open.ts';", /the concrete src\/storage\/sqlite/u],
    ['src/mock/a.ts', "import { x } from '../core/errors.ts';", /\(mock\) imports src\/core/u],
    ['src/pool/a.ts', "import { x } from '../../test/support/rig.ts';", /which is no source file/u],
    ['src/cellar/a.ts', 'export const a = 1;', /no row in the import law/u],
    ['src/gateway/a.ts', "import { Hono } from 'hono';", /imports the package hono/u],
    ['src/gateway/a.ts', "import { HTTPException } from 'hono/http-exception';", /imports the package hono/u],
    ['src/pool/a.ts', "const provider = 'openai';", /"openai" names a vendor/u],
    ['src/pool/a.ts', 'const isOpenAIKey = true;', /"isOpenAIKey" names a vendor/u],
    ['src/pool/a.ts', "const model = 'gpt-4';", /"gpt-4" names a vendor/u],
    ['src/gateway/headers.ts', 'export {};', /the exception "openai-beta" is not needed/u],
    ['src/pool/a.ts', 'export default 1;', /has a default export/u],
    ['src/pool/a.ts', 'const x = (y: any): void => {};', /uses the type any/u],
    ['src/pool/a.ts', 'const x = JSON.parse(y) as any;', /uses the type any/u],
    ['src/pool/a.ts', 'const x: Map<string, any[]> = y;', /uses the type any/u],
    ['src/pool/a.ts', '\n'.repeat(300), /more than 300 lines/u],
    ['src/pool/pool-helper.ts', 'export {};', /a name that says nothing/u],
  ];
  for (const [path, text, problem] of examples)
    assert.match(broken(path, text).join('\n'), problem, `${path}: ${text}`);
  assert.match(formProblems({ 'src/pool/a.ts': 'export {};\n' }).join(), /does not open with a comment/u);
  assert.deepEqual(
    broken(
      'src/pool/a.ts',
      "const x = 'a, any b: any one';\n// : any openai\n/** gpt-4 */\nimport { x } from '../core/errors.ts';",
    ),
    [],
  );
  const circle = { 'src/a.ts': "import { type B } from './b.ts';", 'src/b.ts': "import type { A } from './a.ts';" };
  const cycle = (seesTypes: boolean): string[] | undefined => findCycle(circle, () => seesTypes);
  assert.deepEqual(cycle(true), ['src/a.ts', 'src/b.ts', 'src/a.ts']);
  assert.equal(cycle(false), undefined);
});

test('the provider registry is complete', () => {
  const builtIn = new Set(builtInProviders.map(({ id }) => id));
  for (const [id, vendor] of Object.entries(vendors)) {
    assert.equal(vendor.id, id);
    assert.ok(builtIn.has(id), `the vendor ${id} has no built-in provider`);
  }
  const files = globSync('src/providers/*/vendor.ts', { cwd: root });
  assert.equal(files.length, Object.keys(vendors).length, 'every vendor folder stands in the registry');
  for (const { id, base_url: baseUrl, auth_strategy: strategy, supported_models: models } of builtInProviders) {
    assert.equal(vendorOf(id).id, id);
    assert.equal(baseUrlProblem(baseUrl, false), undefined);
    assert.ok(findAuthStrategy(strategy), `${id} has an unknown strategy ${strategy}`);
    for (const model of models) {
      assert.equal(modelPrefixes.find(({ prefix }) => model.startsWith(prefix))?.providerId, id, model);
    }
  }
  assert.equal(vendorOf('something-else'), otherVendor);
});

test('every model prefix leads somewhere and can be reached', () => {
  for (const [i, { prefix, providerId }] of modelPrefixes.entries()) {
    assert.ok(providerId in vendors, `${prefix} leads to ${providerId}, which is not in the registry`);
    assert.equal(prefix, prefix.toLowerCase());
    const before = modelPrefixes.slice(0, i).find((other) => prefix.startsWith(other.prefix));
    assert.equal(before, undefined, `${prefix} stands behind ${before?.prefix} and is never reached`);
  }
});

test('every endpoint has a path and an id of its own, and every migration is in its registry', () => {
  for (const key of ['id', 'path'] as const)
    assert.equal(new Set(endpoints.map((row) => row[key])).size, endpoints.length);
  for (const { path } of endpoints) assert.match(path, /^\/v1\/[a-z_/]+$/u);
  for (const [database, migrations] of Object.entries({ sqlite: sqliteMigrations, postgres: postgresMigrations })) {
    const folder = `src/storage/${database}/migrations`;
    const files = globSync(`${folder}/[0-9]*.ts`, { cwd: root }).sort();
    assert.deepEqual(
      migrations.map(({ name }) => `${folder}/${name}.ts`),
      files.map((file) => file.replaceAll('\\', '/')),
    );
  }
});
