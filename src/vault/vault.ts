// The vault: encrypts the secrets that the database keeps, and refuses to work with a key that is not the database's.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from '../core/secret.ts';
import { writeNewFile } from '../lib/files.ts';
import { masterKey, seal, unseal, UnsealError, type MasterKey } from './envelope.ts';

export { UnsealError } from './envelope.ts';

/** Seals and opens the secrets of rows. `owner` names the row: `account acc_…`. */
export interface Vault {
  seal(plain: string, owner: string): string;
  /** Throws an `UnsealError` that says why. */
  unseal(sealed: string, owner: string): string;
}

/** The master key cannot be had or is not the database's: the gateway must not start. */
export class VaultError extends Error {
  override readonly name = 'VaultError';
}

/** A text that only the right master key opens, kept in the database: proves the key before anything relies on it. */
export interface VaultProof {
  read(): Promise<string | undefined>;
  /** Keeps `proof` unless one is kept already; answers the one that is. */
  keep(proof: string): Promise<string>;
}

const proofOwner = 'vault proof';
const proofText = 'this master key belongs to this database';

/** Where the master key is kept when no setting gives it. */
export function masterKeyFile(dataDirectory: string): string {
  return join(dataDirectory, 'master.key');
}

/**
 * Opens the vault with the keys of the setting, or with the key file, made here for a database that has no secret yet.
 * Throws a `VaultError` where the key is not the one that the database was written with; nothing is changed then.
 */
export async function openVault(
  keys: readonly Secret[] | undefined,
  dataDirectory: string,
  proof: VaultProof,
): Promise<Vault> {
  const known = await proof.read();
  const [source, masters] =
    keys === undefined
      ? ([
          `the file ${masterKeyFile(dataDirectory)}`,
          [fileKey(masterKeyFile(dataDirectory), known === undefined)],
        ] as const)
      : (['ENCRYPTION_KEY', keys.map((key) => masterKey(Buffer.from(key.reveal(), 'base64')))] as const);
  const [first] = masters;
  if (first === undefined) throw new VaultError('ENCRYPTION_KEY holds no key');
  checkProof(masters, known ?? (await proof.keep(seal(first, proofText, proofOwner))), source);
  return {
    seal: (plain, owner) => seal(first, plain, owner),
    unseal: (sealed, owner) => unseal(masters, sealed, owner),
  };
}

function checkProof(masters: readonly MasterKey[], known: string, source: string): void {
  try {
    unseal(masters, known, proofOwner);
  } catch (error) {
    if (!(error instanceof UnsealError)) throw error;
    throw new VaultError(
      `${source} is not the key that this database was encrypted with; give the old key, or the new and the old one in ENCRYPTION_KEY ("new,old"). Nothing was changed`,
    );
  }
}

function fileKey(file: string, mayCreate: boolean): MasterKey {
  const text = readKeyFile(file) ?? (mayCreate ? createKeyFile(file) : undefined);
  if (text === undefined) {
    throw new VaultError(
      `the master key ${file} is missing, and the database holds secrets encrypted with it; put the file back or set ENCRYPTION_KEY. Nothing was changed`,
    );
  }
  const bytes = Buffer.from(text.trim(), 'base64');
  if (bytes.length !== 32)
    throw new VaultError(`${file} does not hold 32 bytes in base64; put the right key file back`);
  return masterKey(bytes);
}

function readKeyFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new VaultError(`the master key ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Makes the key; where another start made it in the same moment, that one counts. */
function createKeyFile(file: string): string {
  const text = `${randomBytes(32).toString('base64')}\n`;
  try {
    return writeNewFile(file, text) ? text : readFileSync(file, 'utf8');
  } catch (error) {
    throw new VaultError(`the master key ${file} cannot be written (${(error as NodeJS.ErrnoException).code})`);
  }
}
