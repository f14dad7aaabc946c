// Runs the test suite with Node's own runner: the everyday suite; with --long the one that takes minutes; with --postgres
// the tests of the whole gateway, each gateway on a database of one PostgreSQL server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSharedPostgres, withoutPostgres } from './support/postgres.ts';
import { testDatabaseVariable } from './support/test-database.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const isLong = args.includes('--long');
const isPostgres = args.includes('--postgres');
const named = args.filter((arg) => !arg.startsWith('-'));
const everyday = [
  '{src,bench}/**/*.test.ts',
  'test/*.test.ts',
  'test/{contracts,integration,mock,clients}/**/*.test.ts',
];
/** Tests of the whole gateway in which the database has no part, or that start a PostgreSQL of their own. */
const withoutDatabase = [
  'bad-input',
  'bytes',
  'clone',
  'disconnect',
  'failure-rules',
  'faults',
  'moved-database',
  'schema-chat',
  'schema-text',
  'slow-clients',
  'smuggling',
  'ssrf',
  'upstream-reading',
  'db-move',
  'shared-limits',
  'shared-pool',
];
/** Run with the tests on PostgreSQL, and not every day: together they take two minutes. */
const onPostgresToo = [
  'test/contracts/postgres-open.test.ts',
  'test/long/account-rotation.test.ts',
  'test/long/vault-rotation.test.ts',
];
const found = (patterns: readonly string[]): string[] => globSync(patterns, { cwd: root });
const wholeGateway = found(['test/integration/**/*.test.ts']).filter(
  (path) => !withoutDatabase.includes(basename(path, '.test.ts')),
);
const suites = {
  everyday: () => found(everyday).filter((path) => !onPostgresToo.includes(path)),
  long: () => found(['test/long/**/*.test.ts']),
  postgres: () => [...wholeGateway, ...onPostgresToo],
};
const files = named.length > 0 ? named : suites[isLong ? 'long' : isPostgres ? 'postgres' : 'everyday']();

if (isPostgres && withoutPostgres !== false) {
  process.stdout.write(`skipped: ${withoutPostgres}\n`);
  process.exit(0);
}
if (isPostgres) process.env[testDatabaseVariable] = 'postgres';
// Every file is a process of its own: what one has compiled, those after it need not compile again.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../node_modules/.cache/tests', import.meta.url));
const postgres = withoutPostgres === false ? await startSharedPostgres() : undefined;
// Many tests wait for a time to pass: with as many files at once as there are processors, these stand still.
const filesAtOnce = 3;
const runner = spawn(
  process.execPath,
  ['--test', `--test-concurrency=${filesAtOnce}`, `--test-timeout=${isLong ? 1_200_000 : 300_000}`, ...files],
  { stdio: 'inherit', cwd: root },
);
const [status] = (await once(runner, 'exit')) as [number | null];
await postgres?.[Symbol.asyncDispose]();
process.exit(status ?? 1);
