// The settings: one table that gives type, validation, default and the page docs/settings.md.
import { DatabaseUrl } from './database-url.ts';
import { RedisUrl } from './redis-url.ts';
import { Secret } from './secret.ts';

/** A setting that cannot be used; the message names it. */
export class SettingError extends Error {
  override readonly name = 'SettingError';
}

interface SettingRow<T> {
  /** Reads the text; throws a sentence that starts with "must be" where it is no good. */
  readonly parse: (text: string) => T;
  /** The value where none is given. */
  readonly fallback: T;
  /** The default as a reader of the page should see it, where the value itself does not tell. */
  readonly shownDefault?: string;
  readonly meaning: string;
}

const day = 86_400_000;
const mebibyte = 1 << 20;

function text(value: string): string {
  if (value === '') throw new SettingError('must not be empty');
  return value;
}

function wholeNumber(from: number, to: number, unit = ''): (value: string) => number {
  return (value) => {
    const number = /^\d+$/u.test(value) ? Number(value) : Number.NaN;
    if (number >= from && number <= to) return number;
    throw new SettingError(`must be a whole number${unit} from ${from} to ${to}, not "${value}"`);
  };
}

const milliseconds = wholeNumber(1, 24 * day, ' of milliseconds');

/** Accepts plain bytes, or a number with KiB, MiB or GiB. */
function byteSize(value: string): number {
  const [, number, unit = ''] = /^(\d+) ?(KiB|MiB|GiB|)$/u.exec(value) ?? [];
  const factor = { '': 1, KiB: 1024, MiB: mebibyte, GiB: 1024 * mebibyte }[unit];
  const bytes = number === undefined || factor === undefined ? 0 : Number(number) * factor;
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new SettingError(`must be a number of bytes, such as 1048576 or 1MiB, not "${value}"`);
}

function oneOf<const T extends string>(...allowed: readonly T[]): (value: string) => T {
  return (value) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found !== undefined) return found;
    throw new SettingError(`must be ${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}, not "${value}"`);
  };
}

function adminToken(value: string): Secret {
  if (/^[!-~]{32,}$/u.test(value)) return new Secret(value);
  throw new SettingError('must be at least 32 characters long, all of them ASCII and none white space');
}

function encryptionKeys(value: string): readonly Secret[] {
  return value.split(',').map((part) => {
    const key = part.trim();
    if (/^[A-Za-z0-9+/]{43}=$/u.test(key)) return new Secret(key);
    throw new SettingError(
      'must be 32 bytes in base64 (44 characters; `openssl rand -base64 32` makes one), or several with commas between',
    );
  });
}

function databaseUrl(value: string): DatabaseUrl {
  try {
    return new DatabaseUrl(value);
  } catch {
    // The text is not repeated: it may hold a password.
    throw new SettingError('must be "sqlite:", "sqlite:FILE" or "postgres://USER:PASSWORD@HOST:5432/DATABASE"');
  }
}

function redisUrl(value: string): RedisUrl {
  try {
    return new RedisUrl(value);
  } catch {
    // The text is not repeated: it may hold a password.
    throw new SettingError(
      'must be "redis://USER:PASSWORD@HOST:6379/0" or "rediss://…", with no parameters but cluster=true, ca=FILE and prefix=NAME',
    );
  }
}

function setting<T>(row: SettingRow<T>): SettingRow<T> {
  return row;
}

/** Every setting: `AIGATEWAY_` + name in the environment, `--name-with-dashes` on the command line. */
export const settingsTable = {
  HOST: setting({
    parse: text,
    fallback: '127.0.0.1',
    meaning: 'Address to listen on. Anything but a loopback address needs `ADMIN_TOKEN`.',
  }),
  PORT: setting({
    parse: wholeNumber(0, 65_535),
    fallback: 8080,
    meaning:
      'Port to listen on; 0 picks a free one. The first line on standard output after the start is `listening on http://HOST:PORT`.',
  }),
  WORKERS: setting({
    parse: wholeNumber(1, 64),
    fallback: 1,
    meaning:
      'Processes that serve on the one port, for a machine with several processors; see [several gateways](several-gateways.md#several-on-one-port).',
  }),
  DATA_DIR: setting({
    parse: text,
    fallback: './data',
    meaning: 'Folder of the embedded database and the master key; made with mode 0700.',
  }),
  DATABASE_URL: setting({
    parse: databaseUrl,
    fallback: new DatabaseUrl('sqlite:'),
    shownDefault: '`sqlite:` (`aigateway.db` in `DATA_DIR`)',
    meaning:
      'The database: `sqlite:`, `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=verify-full`; see [PostgreSQL](postgresql.md).',
  }),
  REDIS_URL: setting<RedisUrl | undefined>({
    parse: redisUrl,
    fallback: undefined,
    meaning:
      'Redis or Valkey that several gateways share: `redis://USER:PASSWORD@HOST:6379/0`, with TLS `rediss://…`, for a cluster `?cluster=true`; see [Redis](redis.md).',
  }),
  BUDGET_WITHOUT_REDIS: setting<'closed' | 'open'>({
    parse: oneOf('closed', 'open'),
    fallback: 'closed',
    meaning:
      'What becomes of client keys with a budget while the Redis of `REDIS_URL` is away: `closed` refuses them with 503 when the money in hand is spent, and after a minute in any case; `open` gives each gateway an equal part of what was left.',
  }),
  ADMIN_TOKEN: setting<Secret | undefined>({
    parse: adminToken,
    fallback: undefined,
    meaning: 'Bearer token of the management API: 32 ASCII characters or more. Required unless `HOST` is loopback.',
  }),
  ENCRYPTION_KEY: setting<readonly Secret[] | undefined>({
    parse: encryptionKeys,
    fallback: undefined,
    shownDefault: 'file `DATA_DIR/master.key`, made at the first start with mode 0600',
    meaning:
      'Key that encrypts the account keys: 32 bytes in base64. Several with commas between: the first encrypts, all decrypt.',
  }),
  LOG_LEVEL: setting({
    parse: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    fallback: 'info',
    meaning: 'Least severe log line that is written: `trace`, `debug`, `info`, `warn`, `error` or `silent`.',
  }),
  LOG_FORMAT: setting<'json' | 'pretty' | undefined>({
    parse: oneOf('json', 'pretty'),
    fallback: undefined,
    shownDefault: '`json`; `pretty` on a terminal',
    meaning: 'Form of the log lines on standard output: `json` or `pretty`.',
  }),
  MAX_BODY_BYTES: setting({
    parse: byteSize,
    fallback: 64 * mebibyte,
    shownDefault: '64 MiB',
    meaning: 'Largest body of one request; beyond it 413.',
  }),
  MAX_BODY_BYTES_IN_FLIGHT: setting<number | undefined>({
    parse: byteSize,
    fallback: undefined,
    shownDefault: '512 MiB, or a quarter of the memory that the process may have where that is less',
    meaning:
      'All request bodies in memory together, and what is held of answers beyond 1 MiB each; beyond it the newcomer gets 503. An eighth of it is kept for bodies of at most 64 KiB, and no body may be larger than the rest.',
  }),
  MAX_CONNECTIONS: setting({
    parse: wholeNumber(1, 1_000_000),
    fallback: 10_000,
    meaning:
      'Connections of clients at the same time; beyond it the newcomer is closed at once. A running request has one.',
  }),
  MAX_ATTEMPTS: setting({
    parse: wholeNumber(1, 20),
    fallback: 3,
    meaning: 'Upstream attempts for one client request.',
  }),
  REQUEST_TIMEOUT_MS: setting({
    parse: milliseconds,
    fallback: 600_000,
    meaning:
      'Whole time of a request, waiting and retries included. The header `x-aigateway-timeout-ms` lowers it for one request.',
  }),
  CONNECT_TIMEOUT_MS: setting({
    parse: milliseconds,
    fallback: 5000,
    meaning: 'Connecting to the upstream, TLS included.',
  }),
  FIRST_BYTE_TIMEOUT_MS: setting({
    parse: milliseconds,
    fallback: 300_000,
    meaning: "From sending the request to the answer's head, and for a stream to its first content.",
  }),
  STREAM_IDLE_TIMEOUT_MS: setting({
    parse: milliseconds,
    fallback: 300_000,
    meaning: 'Silence between two pieces of an answer.',
  }),
  PING_AFTER_MS: setting({
    parse: wholeNumber(0, 24 * day, ' of milliseconds'),
    fallback: 0,
    meaning: 'Silence of a stream after which its client is sent a comment, lest a proxy closes it; 0: never.',
  }),
  QUEUE_TIMEOUT_MS: setting({
    parse: wholeNumber(0, 24 * day, ' of milliseconds'),
    fallback: 20_000,
    meaning: 'Longest wait for an account that is throttled; 0: never wait.',
  }),
  DRAIN_TIMEOUT_MS: setting({
    parse: wholeNumber(0, 24 * day, ' of milliseconds'),
    fallback: 120_000,
    meaning: 'How long running requests may go on after SIGTERM.',
  }),
  REQUEST_RETENTION_DAYS: setting({
    parse: wholeNumber(0, 36_500, ' of days'),
    fallback: 90,
    meaning:
      'How long requests and their attempts are kept in the ledger; 0: for ever. Sums of usage are kept for ever.',
  }),
  TRANSCRIPT_RETENTION_DAYS: setting({
    parse: wholeNumber(0, 36_500, ' of days'),
    fallback: 30,
    meaning:
      'How long what was asked and answered is kept, for client keys that say so (`keeps_transcripts`); 0: as long as the requests, and never longer.',
  }),
  ON_CLIENT_DISCONNECT: setting<'cancel' | 'drain'>({
    parse: oneOf('cancel', 'drain'),
    fallback: 'cancel',
    meaning:
      'What becomes of the upstream call when the client goes: `cancel` closes it, `drain` reads the rest to learn its usage (at most 32 at a time, 60 s each).',
  }),
};

export type SettingName = keyof typeof settingsTable;

/** The settings in force. */
export type Settings = {
  readonly [Name in SettingName]:
    | ReturnType<(typeof settingsTable)[Name]['parse']>
    | (typeof settingsTable)[Name]['fallback'];
};

/** What the variables of ours begin with. */
export const environmentPrefix = 'AIGATEWAY_';

/** `MAX_ATTEMPTS` → `--max-attempts`. */
export function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`;
}

/** The default of a setting as people should read it. */
export function shownDefault(name: SettingName): string {
  const { fallback, shownDefault: shown }: SettingRow<unknown> = settingsTable[name];
  return shown ?? (fallback === undefined ? 'none' : `\`${fallback as string | number}\``);
}

/** The settings from flags (by setting name) over environment over defaults; throws a `SettingError` that names the culprit. */
export function readSettings(
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith(environmentPrefix) || variable.slice(environmentPrefix.length) in settingsTable) continue;
    throw new SettingError(`${variable} is not a setting of aigateway; \`aigateway serve --help\` lists them`);
  }
  const settings: Record<string, unknown> = {};
  for (const [name, row] of Object.entries(settingsTable)) {
    const variable = environmentPrefix + name;
    const [given, source] = flags[name] === undefined ? [environment[variable], variable] : [flags[name], flagOf(name)];
    settings[name] = given === undefined ? row.fallback : parseSetting(row.parse, given, source);
  }
  return settings as Settings;
}

function parseSetting(parse: (text: string) => unknown, given: string, source: string): unknown {
  try {
    return parse(given);
  } catch (error) {
    if (error instanceof SettingError) throw new SettingError(`${source} ${error.message}`);
    throw error;
  }
}

/** The settings as the API shows them: secrets as `"set"`, absent ones as null. */
export function describeSettings(settings: Settings): Record<string, string | number | null> {
  const shown: Record<string, string | number | null> = {};
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) shown[name] = null;
    else if (value instanceof DatabaseUrl || value instanceof RedisUrl) shown[name] = String(value);
    else shown[name] = typeof value === 'string' || typeof value === 'number' ? value : 'set';
  }
  return shown;
}
