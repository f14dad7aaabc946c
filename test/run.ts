// Runs the test suite with Node's own runner: the everyday suite, or with --long the one that takes minutes.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const isLong = args.includes('--long');
const named = args.filter((arg) => !arg.startsWith('-'));
const everyday = ['src/**/*.test.ts', 'test/*.test.ts', 'test/{contracts,integration,mock,clients}/**/*.test.ts'];
const files = named.length > 0 ? named : isLong ? ['test/long/**/*.test.ts'] : everyday;

const result = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=2', `--test-timeout=${isLong ? 1_200_000 : 120_000}`, ...files],
  { stdio: 'inherit', cwd: fileURLToPath(new URL('..', import.meta.url)) },
);
process.exit(result.status ?? 1);
