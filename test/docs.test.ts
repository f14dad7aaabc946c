// Holds the documentation to the truth: its links lead somewhere, its commands exist and run, its lists are the code's.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { environmentPrefix, settingsTable } from '../src/core/settings.ts';
import { builtInProviders, listPrices, modelPrefixes } from '../src/providers/registry.ts';
import { eventually } from './support/await.ts';
import { chat, startRig, type Rig } from './support/rig.ts';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).map((path) => path.replaceAll('\\', '/'));

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The code blocks of a page in one language, in order. */
function blocksOf(page: string, language: string): string[] {
  return [...read(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gmu)].flatMap(([, name, text = '']) =>
    name === language ? [text] : [],
  );
}

/** A page without its code blocks. */
function proseOf(page: string): string {
  return read(page).replaceAll(/^```[\s\S]*?^```$/gmu, '');
}

/** The anchors that a page has, as GitHub makes them from its headings. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gmu)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The links of a page into the project: the file each leads to, and its anchor. */
function linksOf(page: string): { file: string; anchor: string }[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/gu)].flatMap(([, target = '']) => {
    if (/^(?:https?|mailto):/u.test(target)) return [];
    const [path = '', anchor = ''] = target.split('#');
    return [{ file: path === '' ? page : normalize(join(dirname(page), path)).replaceAll('\\', '/'), anchor }];
  });
}

test('every link leads to a file, and every anchor to a heading', () => {
  assert.ok(pages.includes('README.md') && pages.length > 15, pages.join(', '));
  for (const page of pages) {
    for (const { file, anchor } of linksOf(page)) {
      assert.ok(existsSync(join(root, file)), `${page} leads to ${file}, which does not exist`);
      if (anchor !== '') assert.ok(anchorsOf(file).includes(anchor), `${page} leads to ${file}#${anchor}`);
    }
  }
});

test('every page below docs/ is linked from another page', () => {
  const targets = pages.flatMap((page) => linksOf(page).flatMap(({ file }) => (file === page ? [] : [file])));
  const isLinked = (page: string): boolean => targets.includes(page) || targets.includes(dirname(page));
  const lost = pages.filter((page) => page.startsWith('docs/') && !isLinked(page));
  assert.deepEqual(lost, []);
});

test('every npm script that the pages and CI call exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const called = [...pages, '.ci/run'].flatMap((path) =>
    [...read(path).matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/gu)].map(([, run, short]) => run ?? short ?? ''),
  );
  for (const name of new Set(called)) assert.ok(name in scripts, `npm run ${name}`);
  for (const command of ['npm ci && npm start', 'npm ci && npm test']) assert.ok(read('README.md').includes(command));
  for (const command of ['npm ci', 'npm test', 'npm start'])
    assert.match(read('.ci/run'), new RegExp(`^ *${command}`, 'mu'));
});

test('every command of aigateway that the pages name exists, and the README names them all', async () => {
  const { stdout } = await execute(process.execPath, ['bin/aigateway.js', '--help'], { cwd: root });
  const [, listed = ''] = /^Commands:\n([\s\S]*?)\n\n/mu.exec(stdout) ?? [];
  const commands = [...listed.matchAll(/^ {2}(\w+)/gmu)].map(([, name = '']) => name);
  assert.ok(commands.length > 3, stdout);
  const commandsIn = (text: string): string[] =>
    [...text.matchAll(/(?:`|npx )aigateway ([a-z]+)/gu)].map(([, name = '']) => name);
  for (const page of pages)
    for (const name of commandsIn(read(page))) assert.ok(commands.includes(name), `${page}: ${name}`);
  assert.deepEqual([...new Set(commandsIn(read('README.md')))].sort(), commands.sort());
});

test('every setting that the pages name exists', () => {
  for (const page of pages) {
    for (const [, name = ''] of read(page).matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/gu)) {
      assert.ok(name.replace(environmentPrefix, '') in settingsTable, `${page}: ${name}`);
    }
  }
});

test('the generated pages are fresh', async () => {
  const { stdout } = await execute(process.execPath, ['docs/generate.ts', '--check'], { cwd: root });
  assert.match(stdout, /^up to date: settings\.md, errors\.md$/mu);
});

test('the price list is fresh', async () => {
  const { stdout } = await execute(process.execPath, ['price-list/generate.ts', '--check'], { cwd: root });
  assert.match(stdout, /^up to date: the price list$/mu);
  assert.ok(read('docs/prices.md').includes(`as known on ${listPrices.asOf}`));
});

test('every JSON example is JSON', () => {
  for (const page of pages)
    for (const block of blocksOf(page, 'json')) assert.doesNotThrow(() => JSON.parse(block), page);
});

test("OpenAI's page lists the models and prefixes that the registry has", () => {
  const page = read('docs/providers/openai.md');
  const section = (title: string): string => page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
  const models = [...section('Supported models').matchAll(/^- `([^`]+)`$/gmu)].map(([, name]) => name);
  assert.deepEqual(models, builtInProviders.find(({ id }) => id === 'openai')?.supported_models);
  const rows = [...section('Model routing').matchAll(/^\| (`.*?) \|/gmu)].map(([, cell = '']) => cell);
  const prefixes = rows.flatMap((cell) => cell.split(', ').map((name) => name.replaceAll('`', '')));
  assert.deepEqual(prefixes.sort(), modelPrefixes.map(({ prefix }) => prefix).sort());
});

/** Runs a block of curl commands in a shell; the status of each, in order. */
async function statusesOf(block: string, environment: Readonly<Record<string, string>>): Promise<string[]> {
  const quiet = `curl() { command curl --silent --show-error --output /dev/null --write-out '%{http_code}\\n' "$@"; }`;
  const { stdout } = await execute('bash', ['-euc', `${quiet}\n${block}`], { env: { ...process.env, ...environment } });
  return stdout.trim().split('\n');
}

/** Page → the variables that its commands use. */
const variables: Readonly<Record<string, (rig: Rig) => Promise<Readonly<Record<string, string>>>>> = {
  'README.md': async () => ({}),
  'CONTRIBUTING.md': async () => ({}),
  'docs/providers/openai.md': async ({ accounts }) => ({ ID: accounts[0] ?? '' }),
  'docs/adding-a-provider.md': async () => ({}),
  'docs/prices.md': async () => ({}),
  'docs/usage-and-costs.md': async ({ accounts }) => ({ ID: accounts[0] ?? '' }),
  'docs/operations.md': async () => ({}),
  'docs/client-keys.md': async (rig) => {
    const made = { name: 'Search team', keeps_transcripts: true };
    const { id, key } = await rig.manage<{ id: string; key: string }>('POST', '/keys', made);
    const asked = await rig.post('/v1/chat/completions', chat('gpt-4'), { authorization: `Bearer ${key}` });
    await asked.text();
    return { ID: id, KEY: key, REQUEST_ID: asked.headers.get('x-aigateway-request-id') ?? '' };
  },
};

for (const [page, variablesOf] of Object.entries(variables)) {
  test(`the curl commands of ${page} succeed, one after the other`, async () => {
    const blocks = blocksOf(page, 'bash').filter((block) => block.includes('curl '));
    assert.ok(blocks.length > 0);
    await using rig = await startRig();
    const { host } = new URL(rig.url);
    const environment = await variablesOf(rig);
    for (const block of blocks) {
      assert.ok(block.includes('localhost:8080'), block);
      const statuses = await statusesOf(block.replaceAll('localhost:8080', host), environment);
      assert.equal(statuses.length, block.match(/^curl /gmu)?.length, block);
      for (const status of statuses) assert.match(status, /^2\d\d$/u, `${status}: ${block}`);
    }
  });
}

for (const page of ['docs/providers/openai.md', 'docs/adding-a-provider.md']) {
  test(`the SQL of ${page} holds within two seconds`, async () => {
    const [statement = ''] = blocksOf(page, 'sql');
    await using rig = await startRig({ keys: [] });
    using database = new DatabaseSync(join(rig.folder, 'aigateway.db'), { timeout: 5000 });
    database.exec(`DELETE FROM providers; ${statement}`);
    const row = database.prepare('SELECT id, supported_models FROM providers').get() ?? {};
    const wanted = (JSON.parse(String(row['supported_models'])) as string[]).sort();
    const read = async (): Promise<string[]> => {
      const { data } = (await (await fetch(`${rig.url}/v1/models`)).json()) as {
        data: { id: string; owned_by: string }[];
      };
      return data.flatMap(({ id, owned_by: owner }) => (owner === row['id'] ? [id] : []));
    };
    await eventually('the row is in force', async () => (await read()).join() === wanted.join(), 2000);
  });
}

test("the README's example for OpenAI's SDK answers", async () => {
  const [example = ''] = blocksOf('README.md', 'js');
  await using rig = await startRig();
  const code = example.replaceAll('localhost:8080', new URL(rig.url).host);
  const { stdout } = await execute(process.execPath, ['--input-type=module', '--eval', code], { cwd: root });
  assert.match(stdout, /Hello/u);
});
