// Where a PostgreSQL server is and how to speak to it: what the URL of a database says.
import { readFileSync } from 'node:fs';
import { Secret } from '../../core/secret.ts';
import { StorageError } from '../storage.ts';

/** How the connection is encrypted, in libpq's words (postgresql.org/docs/current/libpq-ssl.html). */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** What the URL says, in parts. */
export interface PostgresAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly tls: TlsMode;
  /** Files in PEM. */
  readonly rootCertificateFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly bindsChannel: boolean;
  /** Options of the server's session, such as `-csearch_path=aigateway`. */
  readonly options: string | undefined;
  /** For people: user, host, port and database. */
  readonly shown: string;
}

/** What Node.js needs to know for an encrypted connection; false for none. */
export type TlsOptions =
  | false
  | {
      readonly rejectUnauthorized?: boolean;
      readonly checkServerIdentity?: () => undefined;
      readonly ca?: string;
      readonly cert?: string;
      readonly key?: string;
    };

const tlsModes: readonly TlsMode[] = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'];

const parameters = [
  'channel_binding',
  'host',
  'options',
  'password',
  'port',
  'sslcert',
  'sslkey',
  'sslmode',
  'sslrootcert',
  'user',
];

/**
 * Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`; a missing password is taken from `PGPASSWORD`, as
 * every program of PostgreSQL does. Throws a `StorageError` that never holds the password.
 */
export function readAddress(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): PostgresAddress {
  const url = new URL(text);
  const unknown = [...url.searchParams.keys()].find((name) => !parameters.includes(name));
  if (unknown !== undefined)
    throw refusal(`has the parameter "${unknown}", which aigateway does not know; it knows ${parameters.join(', ')}`);
  const parameter = (name: string): string | undefined => url.searchParams.get(name) || undefined;
  const host = parameter('host') ?? decodeURIComponent(url.hostname).replace(/^\[|\]$/gu, '');
  const user = parameter('user') ?? decodeURIComponent(url.username);
  const database = decodeURIComponent(url.pathname.slice(1));
  const [missing] = Object.entries({ host, user, database }).find(([, value]) => value === '') ?? [];
  if (missing !== undefined)
    throw refusal(`names no ${missing}; write it as postgres://USER:PASSWORD@HOST:5432/DATABASE`);
  const port = Number(parameter('port') ?? (url.port || 5432));
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refusal('has a port that is no number up to 65535');
  const password = (parameter('password') ?? decodeURIComponent(url.password)) || environment['PGPASSWORD'];
  return {
    host,
    port,
    database,
    user,
    password: password === undefined || password === '' ? undefined : new Secret(password),
    tls: readTlsMode(parameter('sslmode'), host),
    rootCertificateFile: parameter('sslrootcert'),
    certificateFile: parameter('sslcert'),
    keyFile: parameter('sslkey'),
    bindsChannel: parameter('channel_binding') === 'require',
    options: parameter('options'),
    shown: `${user}@${host.includes(':') ? `[${host}]` : host}:${port}/${database}`,
  };
}

/** On this machine nobody listens in between; elsewhere a connection is encrypted where the server can. */
function readTlsMode(given: string | undefined, host: string): TlsMode {
  if (given === undefined) return host === 'localhost' || /^(?:\/|127\.|::1$)/u.test(host) ? 'disable' : 'prefer';
  const mode = tlsModes.find((known) => known === given);
  if (mode === undefined) throw refusal(`has sslmode=${given}; it must be one of ${tlsModes.join(', ')}`);
  return mode;
}

/** Reads the certificates that the address names; throws a `StorageError` where a file cannot be read. */
export function tlsOptions(address: PostgresAddress): TlsOptions {
  if (address.tls === 'disable') return false;
  const file = (parameter: string, path: string | undefined): string | undefined => {
    try {
      return path === undefined ? undefined : readFileSync(path, 'utf8');
    } catch (error) {
      throw refusal(`names a ${parameter} that cannot be read (${(error as NodeJS.ErrnoException).code}): ${path}`);
    }
  };
  const [ca, cert, key] = [
    file('sslrootcert', address.rootCertificateFile),
    file('sslcert', address.certificateFile),
    file('sslkey', address.keyFile),
  ];
  const certificates = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  if (address.tls === 'verify-full') return certificates;
  // As libpq does: with a root certificate "require" verifies it too.
  if (address.tls === 'verify-ca' || (address.tls === 'require' && ca !== undefined))
    return { ...certificates, checkServerIdentity: () => undefined };
  return { ...certificates, rejectUnauthorized: false };
}

function refusal(what: string): StorageError {
  return new StorageError(`DATABASE_URL ${what}`);
}
