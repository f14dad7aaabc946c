// The peers: which version of each is measured, and how it is installed. Package registries only; into a folder of its own.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A program of others that can be installed by its name. */
export interface Peer {
  readonly title: string;
  /** Where it comes from, as the report says. */
  readonly source: string;
  /** The version that is asked for; undefined where the system's package decides. */
  readonly version: string | undefined;
  /** The version that is there, or undefined. */
  installed(cacheFolder: string): string | undefined;
  /** Installs it. Throws where the registry or a tool refuses. */
  install(cacheFolder: string): void;
}

const portkeyVersion = '1.15.2';
/** With the newer ones that its package allows it answers every stream with a 500 ("immutable" headers), on any Node.js. */
const portkeyServerVersion = '1.13.1';
const litellmVersion = '1.106.2';

/** Peer → how it comes here. */
export const peers = {
  nginx: {
    title: 'nginx',
    source: 'Debian package nginx-light',
    version: undefined,
    installed: () => /nginx\/(\S+)/u.exec(output('nginx', ['-v']) ?? '')?.[1],
    install: () => {
      const args = ['install', '-y', '--no-install-recommends', 'nginx-light'];
      if (process.getuid?.() === 0) run('apt-get', args);
      else run('sudo', ['apt-get', ...args]);
    },
  },
  portkey: {
    title: 'Portkey',
    source: 'npm package @portkey-ai/gateway',
    version: portkeyVersion,
    installed: (cacheFolder) => manifestVersion(join(portkeyFolder(cacheFolder), 'package.json')),
    install: (cacheFolder) => {
      const folder = join(cacheFolder, 'portkey');
      mkdirSync(folder, { recursive: true });
      const manifest = {
        private: true,
        dependencies: { '@portkey-ai/gateway': portkeyVersion },
        overrides: { '@hono/node-server': portkeyServerVersion },
      };
      writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
      run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
    },
  },
  litellm: {
    title: 'LiteLLM',
    source: 'PyPI package litellm[proxy]',
    version: litellmVersion,
    installed: (cacheFolder) => {
      const python = join(cacheFolder, 'litellm/venv/bin/python');
      const code = 'import importlib.metadata as m; print(m.version("litellm"))';
      return existsSync(python) ? output(python, ['-c', code])?.trim() : undefined;
    },
    install: (cacheFolder) => {
      const folder = join(cacheFolder, 'litellm');
      mkdirSync(folder, { recursive: true });
      run('python3', ['-m', 'venv', 'venv'], folder);
      run('venv/bin/pip', ['install', '--quiet', `litellm[proxy]==${litellmVersion}`], folder);
    },
  },
} as const satisfies Record<string, Peer>;

export type PeerId = keyof typeof peers;
export const peerIds = Object.keys(peers) as PeerId[];

/** Others that were looked at, and why they are not measured. */
export const unavailable: Readonly<Record<string, string>> = {
  Bifrost: 'its npm package downloads the program from a host of its own',
  TensorZero: 'its package in a registry is a client; the gateway comes as a container image',
  agentgateway: 'the packages of that name are other programs; it comes as a binary from its releases',
  Busbar: 'no package of it in a registry',
};

/** Where peers are installed unless another folder is given. */
export function defaultCacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'aigateway-bench');
}

/** Portkey's package. */
export function portkeyFolder(cacheFolder: string): string {
  return join(cacheFolder, 'portkey/node_modules/@portkey-ai/gateway');
}

function manifestVersion(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** What a command writes, to either stream; undefined where there is no such command or it fails. */
function output(command: string, args: readonly string[]): string | undefined {
  try {
    // nginx writes its version to its standard error.
    return execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
}

function run(command: string, args: readonly string[], cwd?: string): void {
  execFileSync(command, args, { stdio: 'inherit', ...(cwd !== undefined && { cwd }) });
}
