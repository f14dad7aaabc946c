// `aigateway doctor`: looks at everything the gateway needs and says what to do about what is wrong.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { watchClientKeys } from '../configuration/client-key-watch.ts';
import { buildConfiguration } from '../configuration/snapshot.ts';
import type { Configuration } from '../core/configuration.ts';
import type { Provider } from '../core/provider.ts';
import { isLoopbackHost } from '../core/local-caller.ts';
import { settingsTable, type SettingName, type Settings } from '../core/settings.ts';
import { systemClock } from '../lib/clock.ts';
import { fieldOf } from '../lib/http1/field-list.ts';
import { tryRedis } from '../shared-state/open-shared-state.ts';
import { databaseFile, openStorageAsItIs } from '../storage/open-storage.ts';
import { OldSchemaError, type Storage } from '../storage/storage.ts';
import { http1Upstream } from '../upstream/http1/http1-upstream.ts';
import { masterKeyFile, openVaultAsItIs, proofIn, UnsealError } from '../vault/vault.ts';
import type { Command } from './command.ts';

const reachTimeoutMs = 10_000;
const clockSkewLimitMs = 60_000;

/** One thing looked at. `warn` works, but not as it should. */
interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  readonly what: string;
  readonly finding: string;
}

const marks = { ok: '✓', warn: '!', fail: '✗' } as const;

export const doctor: Command = {
  name: 'doctor',
  summary: 'Checks settings, database, Redis, key, providers and clock, and says what to do.',
  usage: '',
  options: {},
  // All that `serve` takes: a start that fails is repeated with one word changed.
  settings: Object.keys(settingsTable) as SettingName[],
  notes: `It makes nothing, no paid call and no change. What a database of an older version holds it can tell only
after "aigateway db migrate" or a start.
It exits with 1 when something must be mended.`,
  async run({ settings }) {
    let hasFailed = false;
    const say = ({ level, what, finding }: Finding): void => {
      hasFailed ||= level === 'fail';
      process.stdout.write(`${marks[level]} ${what.padEnd(14)}${finding}\n`);
    };
    say({ level: 'ok', what: 'Node.js', finding: process.version });
    say(checkSettings(settings));
    const folder = checkFolder(settings);
    say(folder);
    const configuration = folder.level === 'fail' ? undefined : await checkDatabase(settings, say);
    await checkRedis(settings, say);
    for (const provider of configuration?.providers.values() ?? []) {
      if (provider.isActive) for (const finding of await checkProvider(settings, provider)) say(finding);
    }
    return hasFailed ? 1 : 0;
  },
};

function checkSettings({ HOST, ADMIN_TOKEN }: Settings): Finding {
  if (isLoopbackHost(HOST) || ADMIN_TOKEN !== undefined)
    return { level: 'ok', what: 'settings', finding: 'understood' };
  return {
    level: 'fail',
    what: 'settings',
    finding: `AIGATEWAY_HOST is ${HOST}, which others can reach: set AIGATEWAY_ADMIN_TOKEN (32 characters or more)`,
  };
}

function checkFolder({ DATA_DIR }: Settings): Finding {
  const what = 'data folder';
  if (!existsSync(DATA_DIR))
    return { level: 'warn', what, finding: `${DATA_DIR} is not there yet: the first start makes it` };
  try {
    accessSync(DATA_DIR, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return {
      level: 'fail',
      what,
      finding: `${DATA_DIR} cannot be read and written by this user: change its owner or rights`,
    };
  }
  const open = [DATA_DIR, masterKeyFile(DATA_DIR)].filter(
    (path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0,
  );
  if (open.length === 0 || process.platform === 'win32') return { level: 'ok', what, finding: DATA_DIR };
  return {
    level: 'ok',
    what,
    finding: `${DATA_DIR} (others may look into ${open.join(' and ')}: chmod go= closes it)`,
  };
}

async function checkDatabase(settings: Settings, say: (finding: Finding) => void): Promise<Configuration | undefined> {
  if (settings.DATABASE_URL.kind === 'sqlite' && !existsSync(databaseFile(settings))) {
    const finding = `${databaseFile(settings)} is not there yet: the first start makes it`;
    say({ level: 'warn', what: 'database', finding });
    return undefined;
  }
  const storage = await openStorageAsItIs(settings).catch((error: Error) => {
    say({ level: error instanceof OldSchemaError ? 'warn' : 'fail', what: 'database', finding: error.message });
  });
  if (storage === undefined) return undefined;
  try {
    say({ level: 'ok', what: 'database', finding: 'opens, and its schema is up to date' });
    const vault = await openVaultAsItIs(settings.ENCRYPTION_KEY, settings.DATA_DIR, proofIn(storage));
    say(
      vault === undefined
        ? { level: 'warn', what: 'master key', finding: 'is not there yet: the first start makes it' }
        : { level: 'ok', what: 'master key', finding: 'opens what the database holds' },
    );
    const configuration = buildConfiguration(await storage.readConfiguration(), vault ?? noVault);
    for (const problem of configuration.problems) say({ level: 'fail', what: 'configuration', finding: problem });
    say(accountsFinding(configuration));
    say(await checkClientKeys(settings, storage, say));
    return configuration;
  } catch (error) {
    say({ level: 'fail', what: 'master key', finding: (error as Error).message });
    return undefined;
  } finally {
    await storage.close();
  }
}

function accountsFinding({ accounts }: Configuration): Finding {
  const what = 'accounts';
  const active = accounts.filter(({ isActive }) => isActive).length;
  if (active === 0)
    return { level: 'warn', what, finding: 'none is active: add one with "aigateway accounts add --label TEXT"' };
  const finding = `${active} active of ${accounts.length}; "aigateway accounts test" tries their keys`;
  return { level: 'ok', what, finding };
}

const noVault = {
  unseal(): never {
    throw new UnsealError('there is no master key yet');
  },
};

async function checkRedis({ REDIS_URL }: Settings, say: (finding: Finding) => void): Promise<void> {
  if (REDIS_URL === undefined) return;
  const trouble = await tryRedis(REDIS_URL, systemClock);
  const finding =
    trouble === undefined
      ? `${REDIS_URL.toString()} answers`
      : `${REDIS_URL.toString()} is not to be used: ${trouble.message || (trouble as NodeJS.ErrnoException).code}`;
  say({ level: trouble === undefined ? 'ok' : 'fail', what: 'Redis', finding });
}

async function checkClientKeys(
  { HOST }: Settings,
  storage: Storage,
  say: (finding: Finding) => void,
): Promise<Finding> {
  const what = 'client keys';
  const known = await watchClientKeys({
    store: storage.clientKeys,
    notices: storage,
    clock: systemClock,
    onProblem: (finding) => say({ level: 'fail', what, finding }),
    onTrouble() {},
  });
  known.stop();
  if (!known.isEmpty) return { level: 'ok', what, finding: 'everybody needs one; "aigateway keys list" shows them' };
  if (isLoopbackHost(HOST))
    return { level: 'ok', what, finding: 'none, so this machine needs none and others are refused' };
  return {
    level: 'warn',
    what,
    finding: 'none, so /v1 serves nobody: make one with "aigateway keys create --name TEXT"',
  };
}

/** Any HTTP answer proves the way; its Date tells whether our clock is right. No key is sent. */
async function checkProvider(settings: Settings, provider: Provider): Promise<Finding[]> {
  const upstream = http1Upstream(settings.CONNECT_TIMEOUT_MS);
  const startedAt = performance.now();
  const { promise: found, resolve } = Promise.withResolvers<Finding[]>();
  const fail = (why: string): void =>
    resolve([{ level: 'fail', what: provider.id, finding: `${provider.baseUrl} does not answer: ${why}` }]);
  const timer = setTimeout(() => fail(`silent for ${reachTimeoutMs} ms`), reachTimeoutMs);
  const transmission = upstream.send(
    {
      origin: provider.origin,
      mayBePrivate: provider.config.allow_private === true,
      method: 'GET',
      path: `${provider.basePath}/models`,
      headers: ['accept', 'application/json'],
      body: null,
    },
    {
      onSent() {},
      onHead(status, headers) {
        const took = Math.round(performance.now() - startedAt);
        const finding = `${provider.baseUrl} answers (${status} without a key, ${took} ms)`;
        resolve([{ level: 'ok', what: provider.id, finding }, ...clockFindings(provider, headers)]);
      },
      onData() {},
      onEnd() {},
      onError: (error) => fail(error.message),
    },
  );
  const findings = await found;
  clearTimeout(timer);
  // Of an answer the head is enough, and of silence there is no end.
  transmission.abort();
  await upstream.close();
  return findings;
}

function clockFindings({ origin }: Provider, headers: readonly string[]): Finding[] {
  const skewMs = Date.now() - Date.parse(fieldOf(headers, 'date') ?? '');
  if (!(Math.abs(skewMs) > clockSkewLimitMs)) return [];
  const finding = `${Math.round(skewMs / 1000)} s off from ${origin}: set this machine's clock`;
  return [{ level: 'warn', what: 'clock', finding }];
}
