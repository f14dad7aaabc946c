// A program that keeps one PostgreSQL for tests: starts it in a temporary folder, and ends it with whoever started the keeper.
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';

/** PostgreSQL does not run as root; this user is on every Unix. */
const nobody = 65_534;
const asUser = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};

const [native = '', password = '', ...settings] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'aigateway-postgres-'));
const home = join(folder, 'home');
const data = join(home, 'data');
const logFile = join(folder, 'log');
const spawnOptions = { cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }, ...asUser };

/**
 * A copy of the binaries that the server's user may read. The links between the libraries, which an npm package cannot
 * hold, are made here: the package's own install script is not run.
 */
function layBinaries(): void {
  cpSync(native, join(folder, 'native'), { recursive: true, filter: (file) => !file.endsWith('.a') });
  const list = join(native, 'pg-symlinks.json');
  const links = existsSync(list)
    ? (JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[])
    : [];
  for (const { source, target } of links) {
    if (existsSync(join(folder, source))) symlinkSync(basename(source), join(folder, target));
  }
}

function layHome(): void {
  chmodSync(folder, 0o755);
  mkdirSync(home);
  writeFileSync(join(home, 'password'), password);
  if ('uid' in asUser) for (const path of [home, join(home, 'password')]) chownSync(path, nobody, nobody);
}

async function makeCluster(): Promise<void> {
  const args = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${join(home, 'password')}`];
  const child = spawn(join(folder, 'native/bin/initdb'), [...args, '-E', 'UTF8', '--locale=C', '--no-sync'], {
    ...spawnOptions,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()));
  const code = await new Promise((resolve) => child.on('close', resolve).on('error', resolve));
  if (code !== 0) throw new Error(`initdb ended with ${String(code)}: ${output}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the server and waits until it takes connections. */
async function start(port: number): Promise<ChildProcess> {
  const all = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${home}`,
    'fsync=off',
    'max_connections=200',
    ...settings,
  ];
  const child = spawn(join(folder, 'native/bin/postgres'), ['-D', data, ...all.flatMap((line) => ['-c', line])], {
    ...spawnOptions,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (text: Buffer) => {
      appendFileSync(logFile, text);
      said = (said + text.toString()).slice(-10_000);
      if (said.includes('ready to accept connections')) resolve();
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`postgres ended with ${code}: ${said}`)));
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill('SIGQUIT');
    await gone;
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}

layBinaries();
layHome();
await makeCluster();
const port = await freePort();
let server = await start(port);
const tell = (): void => void process.stdout.write(`${JSON.stringify({ port, pid: server.pid, folder, logFile })}\n`);
tell();

const lines = createInterface({ input: process.stdin });
lines.on('line', () => {
  void start(port).then((started) => {
    server = started;
    tell();
  });
});
// The end of our input is the end of who started us, however it came about.
lines.on('close', () => void end(server).then(() => process.exit(0)));
