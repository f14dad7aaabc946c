// Where the master keys come from: the setting, or the key file, one key a line. The first encrypts, all decrypt.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from '../core/secret.ts';
import { replaceFile, writeNewFile } from '../lib/files.ts';
import { masterKey, type MasterKey } from './envelope.ts';

/** The master key cannot be had or is not the database's: the gateway must not start. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
}

/** The master keys of this process. There is always a first one. */
export interface MasterKeys {
  /** What they are called in an error. */
  readonly source: string;
  /** As they were last read. */
  current(): readonly [MasterKey, ...MasterKey[]];
  /** As they are now: a rotation may have put another one in front. */
  refresh(): readonly [MasterKey, ...MasterKey[]];
}

/** Where the master key is kept when no setting gives it. */
export function masterKeyFile(dataDirectory: string): string {
  return join(dataDirectory, 'master.key');
}

/** The keys of the setting ENCRYPTION_KEY. */
export function settingKeys(keys: readonly Secret[]): MasterKeys {
  const [first, ...others] = keys.map((key) => masterKey(Buffer.from(key.reveal(), 'base64')));
  if (first === undefined) throw new VaultError('ENCRYPTION_KEY holds no key');
  const masters = [first, ...others] as const;
  return { source: 'ENCRYPTION_KEY', current: () => masters, refresh: () => masters };
}

/** The keys of the file, which is made here with a new one where that is allowed. */
export function fileKeys(file: string, mayCreate: boolean): MasterKeys {
  const text = readKeyFile(file) ?? (mayCreate ? createKeyFile(file) : undefined);
  if (text === undefined) {
    throw new VaultError(
      `the master key ${file} is missing, and the database holds secrets encrypted with it; put the file back or set ENCRYPTION_KEY. Nothing was changed`,
    );
  }
  let masters = parseKeyFile(file, text);
  return {
    source: `the file ${file}`,
    current: () => masters,
    refresh() {
      // A file that has gone or was damaged meanwhile makes the keys that are known no worse.
      try {
        masters = parseKeyFile(file, readKeyFile(file) ?? '');
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
      }
      return masters;
    },
  };
}

/** Puts a new key in front of the file's only one; a file that holds several is in the middle of a rotation and stays as it is. */
export function addFileKey(file: string): void {
  const text = readKeyFile(file) ?? '';
  if (parseKeyFile(file, text).length > 1) return;
  writeKeyFile(file, `${newKeyLine()}${text.trim()}\n`);
}

/** Takes the keys out of the file that are neither its first nor among `neededIds`; tells how many are left. */
export function dropFileKeys(file: string, neededIds: ReadonlySet<string>): number {
  const [first, ...others] = parseKeyFile(file, readKeyFile(file) ?? '');
  const kept = [first, ...others.filter(({ id }) => neededIds.has(id))];
  if (kept.length <= others.length) {
    writeKeyFile(file, kept.map(({ bytes }) => `${bytes.toString('base64')}\n`).join(''));
  }
  return kept.length;
}

function parseKeyFile(file: string, text: string): readonly [MasterKey, ...MasterKey[]] {
  const lines = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const keys = lines.map((line) => Buffer.from(line, 'base64'));
  const [first, ...others] = keys.map(masterKey);
  if (first !== undefined && keys.every(({ length }) => length === 32)) return [first, ...others];
  throw new VaultError(`${file} does not hold 32 bytes in base64; put the right key file back`);
}

function readKeyFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new VaultError(`the master key ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

function newKeyLine(): string {
  return `${randomBytes(32).toString('base64')}\n`;
}

/** Makes the key; where another start made it in the same moment, that one counts. */
function createKeyFile(file: string): string {
  const text = newKeyLine();
  try {
    return writeNewFile(file, text) ? text : readFileSync(file, 'utf8');
  } catch (error) {
    throw new VaultError(`the master key ${file} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}

function writeKeyFile(file: string, text: string): void {
  try {
    replaceFile(file, text);
  } catch (error) {
    throw new VaultError(
      `the master key ${file} cannot be written (${(error as NodeJS.ErrnoException).code}); it is as it was`,
    );
  }
}
