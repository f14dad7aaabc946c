// The vault: encrypts the secrets that the database keeps, and refuses to work with a key that is not the database's.
import { existsSync } from 'node:fs';
import type { Secret } from '../core/secret.ts';
import { keyIdOf, reseal, seal, unseal, UnsealError, type MasterKey } from './envelope.ts';
import { fileKeys, masterKeyFile, settingKeys, VaultError } from './master-keys.ts';

export { keyIdOf, sealedContent, UnsealError } from './envelope.ts';
export { masterKeyFile, VaultError } from './master-keys.ts';

/** Seals and opens the secrets of rows. `owner` names the row: `account acc_…`. */
export interface Vault {
  seal(plain: string, owner: string): string;
  /** Throws an `UnsealError` that says why. */
  unseal(sealed: string, owner: string): string;
  /** The same secret under the key that seals now; undefined where it is already. Throws an `UnsealError` that says why. */
  reseal(sealed: string, owner: string): string | undefined;
  /** The ids of the keys at hand. The first seals. */
  keyIds(): readonly [string, ...string[]];
}

/** A text that only the right master key opens, kept in the database: proves the key before anything relies on it. */
export interface VaultProof {
  read(): Promise<string | undefined>;
  /** Keeps `proof` unless one is kept already; answers the one that is. */
  keep(proof: string): Promise<string>;
}

/** The name of the note that holds the proof, and the owner of its envelope. */
const proofNote = 'vault_proof';
const proofOwner = 'vault proof';
const proofText = 'this master key belongs to this database';

/** The database's small texts, as far as the vault needs them. */
interface Notes {
  readNote(name: string): Promise<string | undefined>;
  keepNote(name: string, text: string): Promise<string>;
  writeNote(name: string, text: string): Promise<void>;
}

/** The proof in a database. */
export function proofIn(notes: Pick<Notes, 'readNote' | 'keepNote'>): VaultProof {
  return { read: () => notes.readNote(proofNote), keep: (proof) => notes.keepNote(proofNote, proof) };
}

/** Seals the proof with the key that seals now: from then on this one opens the database. Answers that key's id. */
export async function resealProof(notes: Notes, vault: Vault): Promise<string> {
  const proof = await notes.readNote(proofNote);
  const sealed = proof === undefined ? undefined : vault.reseal(proof, proofOwner);
  if (sealed !== undefined) await notes.writeNote(proofNote, sealed);
  return vault.keyIds()[0];
}

/**
 * Opens the vault with the keys of the setting, or with the key file, made here for a database that has no secret yet.
 * Throws a `VaultError` where the key is not the one that the database was written with; nothing is changed then.
 */
export async function openVault(
  setting: readonly Secret[] | undefined,
  dataDirectory: string,
  proof: VaultProof,
): Promise<Vault> {
  const known = await proof.read();
  const keys =
    setting === undefined ? fileKeys(masterKeyFile(dataDirectory), known === undefined) : settingKeys(setting);
  checkProof(keys.current(), known ?? (await proof.keep(seal(keys.current()[0], proofText, proofOwner))), keys.source);
  return {
    seal: (plain, owner) => seal(keys.refresh()[0], plain, owner),
    unseal: (sealed, owner) => unseal(keysFor(sealed), sealed, owner),
    reseal: (sealed, owner) => reseal(keys.refresh(), sealed, owner),
    keyIds() {
      const [first, ...others] = keys.refresh();
      return [first.id, ...others.map(({ id }) => id)];
    },
  };

  /** Another program may have sealed it with a key that is newer than the last look at the file. */
  function keysFor(sealed: string): readonly MasterKey[] {
    const masters = keys.current();
    return masters.some(({ id }) => id === keyIdOf(sealed)) ? masters : keys.refresh();
  }
}

/** The same where nothing is to be made: undefined where there is no key yet. */
export async function openVaultAsItIs(
  setting: readonly Secret[] | undefined,
  dataDirectory: string,
  proof: VaultProof,
): Promise<Vault | undefined> {
  const hasKey = setting !== undefined || existsSync(masterKeyFile(dataDirectory));
  if (!hasKey && (await proof.read()) === undefined) return undefined;
  return openVault(setting, dataDirectory, { read: () => proof.read(), keep: async (text) => text });
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
