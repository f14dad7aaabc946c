// What an error of PostgreSQL, or of the way to it, means for the person who reads it; never holds a secret.
import { ConflictError, StorageError } from '../storage.ts';
import type { PostgresAddress } from './address.ts';

/** An error as the driver gives it: `code` is an SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html) or one of Node.js. */
interface DriverError extends Error {
  readonly code?: unknown;
}

type Sentence = (address: PostgresAddress, message: string) => string;

const badCertificate: Sentence = (_, message) =>
  `has a certificate that cannot be trusted (${message}); name its authority with sslrootcert=FILE`;
const unreachable: Sentence = ({ host, port }) =>
  `cannot be reached: no way leads to ${host}:${port}; check the network and its firewalls`;
const goesDown: Sentence = () => 'is starting up or shutting down; try again in a moment';
const mayNotConnect: Sentence = (_, message) => `does not let us in: ${message}`;

/** Why a connection was not made. */
const connectProblems: Readonly<Record<string, Sentence>> = {
  '28P01': ({ user }) => `refuses the password of the user "${user}"; correct it in DATABASE_URL`,
  '28000': mayNotConnect,
  '3D000': ({ database, user }) =>
    `does not exist; make it with: CREATE DATABASE "${database}" OWNER "${user}", or correct DATABASE_URL`,
  '42501': mayNotConnect,
  '53300': () => 'has no connection left; raise its max_connections or end some of its clients',
  '57P03': goesDown,
  '57P01': goesDown,
  ECONNREFUSED: ({ host, port }) =>
    `is not running: nothing listens at ${host}:${port}; start PostgreSQL or correct DATABASE_URL`,
  ENOENT: ({ host }) => `is not running: there is no socket of PostgreSQL in ${host}`,
  ENOTFOUND: ({ host }) => `is on the host "${host}", which no name server knows; correct DATABASE_URL`,
  EAI_AGAIN: ({ host }) => `is on the host "${host}", whose address no name server tells at the moment`,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ETIMEDOUT: unreachable,
  CERT_HAS_EXPIRED: badCertificate,
  DEPTH_ZERO_SELF_SIGNED_CERT: badCertificate,
  SELF_SIGNED_CERT_IN_CHAIN: badCertificate,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: badCertificate,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: badCertificate,
  ERR_TLS_CERT_ALTNAME_INVALID: ({ host }) =>
    `has a certificate for another name than ${host}; correct the host, or use sslmode=verify-ca`,
};

/** Problems that only a text tells, of the driver's own. */
const connectTexts: readonly (readonly [text: RegExp, sentence: Sentence])[] = [
  [/does not support SSL/u, () => 'does not encrypt its connections; use sslmode=disable, or switch its ssl on'],
  [/password must be a/u, ({ user }) => `asks for the password of the user "${user}", and DATABASE_URL has none`],
];

/** Why no connection was made, as a sentence for who started the gateway. */
export function connectError(error: unknown, address: PostgresAddress): StorageError {
  if (error instanceof StorageError) return error;
  const { code, message } = error as DriverError;
  const sentence =
    connectProblems[String(code)] ??
    connectTexts.find(([text]) => text.test(message))?.[1] ??
    ((): string => `cannot be used: ${message || String(code)}`);
  return new StorageError(`the database ${address.shown} ${sentence(address, message)}`, { cause: error });
}

/** SQLSTATE of a statement that lost to another one: the transaction may be tried again. */
const lost: readonly unknown[] = ['40001', '40P01', '55P03'];

/** Whether a transaction failed only because another one was in its way. */
export function isLostToAnother(error: unknown): boolean {
  return lost.includes((error as { cause?: DriverError }).cause?.code);
}

/** Whether the server may only be read, as a former primary after a failover: another connection may find the new one. */
export function isReadOnly(error: unknown): boolean {
  return (error as { cause?: DriverError }).cause?.code === '25006';
}

/** Why a statement was not carried out. */
export function statementError(error: unknown, address: PostgresAddress): ConflictError | StorageError {
  if (error instanceof StorageError) return error;
  const { code, message } = error as DriverError;
  // Class 23: integrity constraint violation. The server's detail, which holds values of the row, is left out.
  if (typeof code === 'string' && code.startsWith('23')) return new ConflictError(message);
  return new StorageError(`the database ${address.shown}: ${message}`, { cause: error });
}
