// A real Redis for tests, on a free port and in a temporary folder, and a line to it that can be cut.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';

const program = process.env['REDIS_SERVER'] ?? 'redis-server';

/** Why there can be no Redis here, as the reason of a skipped test; false where there can. In CI there must be. */
export const withoutRedis: string | false =
  process.env['CI'] !== undefined || spawnSync(program, ['--version']).status === 0
    ? false
    : 'there is no redis-server here (Debian: apt-get install redis-server)';

/** Not a secret, but no error and no log may hold it: tests look for it. */
export const redisPassword = 'canary-password-of-redis';

/** How long a call may take where no outage is tested: on a busy machine the server itself may be late. */
export const patienceMs = 10_000;

/** A server of its own, which a test may freeze or kill. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  signal(name: NodeJS.Signals): void;
  /** Ends it without a word, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again, empty, after it was killed. */
  restart(): Promise<void>;
  /** Runs a command, as another program would. */
  command(...words: string[]): Promise<unknown>;
}

/** Starts a server; `options` are words of its command line, such as `--maxmemory`, `1mb`. */
export async function startRedis(options: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-redis-'));
  let port = 0;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    for (let tries = 0; ; tries += 1) {
      if (child === undefined) port = await freePort();
      const started = await tryStart(port, folder, options);
      if (started instanceof Error) {
        // Somebody else was faster to take the port.
        if (tries === 5) throw started;
        continue;
      }
      child = started;
      return;
    }
  };
  await start();
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.ref();
    child.kill('SIGKILL');
    await gone;
  };
  const url = `redis://:${redisPassword}@127.0.0.1:${port}`;
  return {
    port,
    url,
    signal: (name) => void child?.kill(name),
    kill,
    restart: start,
    async command(...words) {
      const client = createClient({ url, RESP: 2, socket: { reconnectStrategy: false } });
      client.on('error', () => {});
      await client.connect();
      try {
        return await client.sendCommand(words);
      } finally {
        client.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function tryStart(port: number, folder: string, options: readonly string[]): Promise<ChildProcess | Error> {
  const own = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn(program, [...own, '--requirepass', redisPassword, ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // Whatever becomes of the test, its server does not outlive it.
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
  let said = '';
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => {
        said = (said + text.toString()).slice(-5000);
        if (!said.includes('Ready to accept connections')) return;
        // An idle server keeps no test alive.
        child.unref();
        for (const output of [child.stdout, child.stderr]) (output as unknown as { unref(): void }).unref();
        resolve(child);
      });
    child.on('error', resolve);
    child.on('exit', (code) => resolve(new Error(`redis-server ended with ${code}: ${said}`)));
  });
}

/** A port that nobody has just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A way to a port that can become a black hole: it takes connections and bytes, and nothing comes back. */
export interface Line extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing gets through in either direction, in old and new connections alike. */
  swallow(): void;
  /** New connections get through again; what was swallowed is lost. */
  heal(): void;
}

/** Opens a line to a port of this machine. `lastWords`: what swallows the line when a client says it. */
export async function openLine(toPort: number, lastWords?: string): Promise<Line> {
  let isHole = false;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const keep = (socket: Socket): void => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    };
    keep(near);
    if (isHole) {
      near.on('data', () => {});
      return;
    }
    const far = connect(toPort, '127.0.0.1');
    keep(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      let isCut = false;
      from.on('data', (bytes) => {
        if (lastWords !== undefined && bytes.includes(lastWords)) isHole = true;
        isCut ||= isHole;
        if (!isCut) to.write(bytes);
      });
      from.on('close', () => {
        if (!isHole) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    swallow() {
      isHole = true;
    },
    heal() {
      isHole = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
