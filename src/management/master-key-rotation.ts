// Changes the master key while everything runs: every sealed credential comes under the new key, a few at a time.
import { accountOwner } from '../configuration/snapshot.ts';
import type { Storage } from '../storage/storage.ts';
import { addFileKey, dropFileKeys } from '../vault/master-keys.ts';
import { keyIdOf, resealProof, UnsealError, type Vault } from '../vault/vault.ts';
import type { AuditTrail, Author } from './audit-trail.ts';
import type { Shown } from './audited.ts';

/** So many rows are one transaction: a gateway that wants to write waits no longer than for these. */
const batchLength = 100;

/** What a rotation works with. */
export interface RotationParts {
  readonly storage: Storage;
  readonly vault: Vault;
  readonly trail: AuditTrail;
  /** The key file; undefined where the keys are those of the setting. */
  readonly keyFile: string | undefined;
}

/** What a rotation did. */
export interface Rotation {
  /** The key that seals everything now. */
  readonly keyId: string;
  /** How many credentials came under it just now. */
  readonly resealed: number;
  /** Accounts whose credential does not open, with the reason; they are as they were. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** How many credentials are under other keys all the same: those, and what a gateway without the new key has sealed meanwhile. */
  readonly left: number;
}

/** How many credentials each key seals: key id → count. The id is empty for what is no envelope. */
export async function countByKey(storage: Storage): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const { sealed } of allSealed(storage)) {
    const id = keyIdOf(sealed);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

async function* allSealed({ sealedCredentials }: Storage): AsyncGenerator<{ id: string; sealed: string }> {
  let last: string | undefined;
  for (;;) {
    const rows = await sealedCredentials.list(1000, last);
    yield* rows;
    last = rows.at(-1)?.id;
    if (rows.length < 1000) return;
  }
}

/**
 * Brings everything under the first key; a key file gets a new one first, unless it holds several already. It may be
 * broken off at any moment: no secret is ever without its key, and the next call goes on where this one was.
 */
export async function rotateMasterKey(
  parts: RotationParts,
  author: Author,
  onProgress: (resealed: number) => void,
): Promise<Rotation> {
  const { storage, vault, trail, keyFile } = parts;
  // Within a transaction, so that of two rotations at once only one makes a key.
  if (keyFile !== undefined) await storage.transaction(async () => addFileKey(keyFile));
  const unreadable = new Map<string, string>();
  let resealed = 0;
  const show = async (): Promise<Shown> => ({ credentials_sealed_with_it: resealed });
  let last: string | undefined;
  for (;;) {
    const rows = await storage.sealedCredentials.list(batchLength, last);
    last = rows.at(-1)?.id;
    const [keyId] = vault.keyIds();
    const due = rows.filter(({ sealed }) => keyIdOf(sealed) !== keyId);
    if (due.length > 0) {
      await trail.run(author, { resource: 'vault', id: keyId, show }, async () => {
        for (const row of due) resealed += await resealRow(parts, row, unreadable);
      });
      onProgress(resealed);
    }
    if (rows.length < batchLength) break;
  }
  const keyId = await storage.transaction(() => resealProof(storage, vault));
  // Only what is on the disk for good may do without the old key.
  await storage.flush();
  // Nobody can write meanwhile.
  const counts = await storage.transaction(async () => {
    const found = await countByKey(storage);
    if (keyFile !== undefined) dropFileKeys(keyFile, new Set(found.keys()));
    return found;
  });
  counts.delete(keyId);
  return { keyId, resealed, unreadable, left: [...counts.values()].reduce((sum, count) => sum + count, 0) };
}

async function resealRow(
  { storage, vault }: RotationParts,
  { id, sealed }: { id: string; sealed: string },
  unreadable: Map<string, string>,
): Promise<number> {
  try {
    const under = vault.reseal(sealed, accountOwner(id));
    if (under === undefined) return 0;
    // Where the credential was exchanged this very moment it is under the new key already.
    return (await storage.sealedCredentials.replace(id, sealed, under)) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof UnsealError)) throw error;
    unreadable.set(id, error.message);
    return 0;
  }
}
