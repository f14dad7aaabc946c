// Tests the vault: which key it works with, and that it never works with a wrong one.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Secret } from '../core/secret.ts';
import { addFileKey, dropFileKeys } from './master-keys.ts';
import { keyIdOf, masterKeyFile, openVault, UnsealError, VaultError, type VaultProof } from './vault.ts';

const root = mkdtempSync(join(tmpdir(), 'aigateway-vault-'));
after(() => rmSync(root, { recursive: true, force: true }));

function folder(): string {
  return mkdtempSync(join(root, 'case-'));
}

/** A database's note, slow enough for two starts to overlap. */
function memoryProof(): VaultProof & { kept: string | undefined } {
  return {
    kept: undefined,
    async read() {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      return this.kept;
    },
    async keep(proof) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      this.kept ??= proof;
      return this.kept;
    },
  };
}

function newKey(): Secret {
  return new Secret(randomBytes(32).toString('base64'));
}

async function assertRefused(opening: Promise<unknown>, sentence: RegExp): Promise<void> {
  await assert.rejects(opening, (error: Error) => {
    assert.ok(error instanceof VaultError, String(error));
    assert.match(error.message, sentence);
    return true;
  });
}

test('the first start makes a key file that only its owner reads, and later starts use it', async () => {
  const directory = folder();
  const proof = memoryProof();
  const sealed = (await openVault(undefined, directory, proof)).seal('secret', 'account a');
  const file = masterKeyFile(directory);
  assert.equal(file, join(directory, 'master.key'));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(readFileSync(file, 'utf8'), /^[A-Za-z0-9+/]{43}=\n$/u);
  assert.equal((await openVault(undefined, directory, proof)).unseal(sealed, 'account a'), 'secret');
  assert.ok(proof.kept !== undefined && !proof.kept.includes('belongs'));
});

test('an envelope that was moved to another account is refused', async () => {
  const vault = await openVault([newKey()], folder(), memoryProof());
  assert.throws(() => vault.unseal(vault.seal('secret', 'account a'), 'account b'), UnsealError);
});

test('a key of the setting makes no file', async () => {
  const directory = folder();
  await openVault([newKey()], directory, memoryProof());
  assert.equal(existsSync(masterKeyFile(directory)), false);
});

test("a key that is not the database's stops the start and changes nothing", async () => {
  const directory = folder();
  const proof = memoryProof();
  await openVault(undefined, directory, proof);
  const kept = proof.kept;
  await assertRefused(
    openVault([newKey()], directory, proof),
    /^ENCRYPTION_KEY is not the key .*Nothing was changed$/u,
  );
  writeFileSync(masterKeyFile(directory), newKey().reveal());
  await assertRefused(openVault(undefined, directory, proof), /^the file .*master\.key is not the key/u);
  assert.equal(proof.kept, kept);
});

test('a missing key file is not made anew where the database holds secrets', async () => {
  const directory = folder();
  const proof = memoryProof();
  await openVault(undefined, directory, proof);
  rmSync(masterKeyFile(directory));
  await assertRefused(openVault(undefined, directory, proof), /is missing, and the database holds secrets/u);
  assert.equal(existsSync(masterKeyFile(directory)), false);
});

test('a key file without a key in it is refused', async () => {
  for (const text of ['', 'short', 'x'.repeat(44), randomBytes(33).toString('base64')]) {
    const directory = folder();
    writeFileSync(masterKeyFile(directory), text);
    await assertRefused(openVault(undefined, directory, memoryProof()), /does not hold 32 bytes/u);
  }
  const directory = folder();
  await assertRefused(openVault(undefined, join(directory, 'nowhere'), memoryProof()), /cannot be written \(ENOENT\)/u);
});

test('of several keys the first encrypts and all decrypt', async () => {
  const proof = memoryProof();
  const [old, next] = [newKey(), newKey()];
  const sealedOld = (await openVault([old], folder(), proof)).seal('secret', 'a');
  const both = await openVault([next, old], folder(), proof);
  assert.equal(both.unseal(sealedOld, 'a'), 'secret');
  const sealedNew = both.seal('newer', 'a');
  assert.equal((await openVault([old, next], folder(), proof)).unseal(sealedNew, 'a'), 'newer');
  const onlyOld = await openVault([old], folder(), proof);
  assert.throws(() => onlyOld.unseal(sealedNew, 'a'), /another master key/u);
  await assertRefused(openVault([next], folder(), proof), /give the old key, or the new and the old one/u);
});

test('two first starts at once agree on one key', async () => {
  const directory = folder();
  const proof = memoryProof();
  const [one, two] = await Promise.all([1, 2].map(() => openVault(undefined, directory, proof)));
  assert.ok(one !== undefined && two !== undefined);
  assert.equal(two.unseal(one.seal('secret', 'a'), 'a'), 'secret');
});

test('two first starts at once with different keys: one of them is stopped', async () => {
  const proof = memoryProof();
  const results = await Promise.allSettled([1, 2].map(() => openVault([newKey()], folder(), proof)));
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
});

test('a key that is put into the file later seals from then on, and what it sealed opens', async () => {
  const directory = folder();
  const proof = memoryProof();
  const file = masterKeyFile(directory);
  const running = await openVault(undefined, directory, proof);
  const [oldId] = running.keyIds();
  const sealed = running.seal('secret', 'a');

  addFileKey(file);
  addFileKey(file);
  const [newId, ...others] = running.keyIds();
  assert.deepEqual(others, [oldId], 'one new key, however often it is asked for');
  assert.equal(keyIdOf(running.seal('secret', 'a')), newId);
  const resealed = running.reseal(sealed, 'a') ?? '';
  assert.deepEqual([keyIdOf(resealed), running.reseal(resealed, 'a')], [newId, undefined]);
  assert.equal(running.unseal(sealed, 'a'), 'secret');
  assert.equal((await openVault(undefined, directory, proof)).unseal(resealed, 'a'), 'secret');

  assert.equal(dropFileKeys(file, new Set([newId, oldId])), 2);
  assert.equal(dropFileKeys(file, new Set()), 1);
  assert.deepEqual(running.keyIds(), [newId], 'the first is never dropped');
  assert.throws(() => running.unseal(sealed, 'a'), /another master key/u);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('another process finds out only when it meets an envelope that it cannot open, and a file that has gone ends nothing', async () => {
  const directory = folder();
  const proof = memoryProof();
  const [reader, writer] = [await openVault(undefined, directory, proof), await openVault(undefined, directory, proof)];
  addFileKey(masterKeyFile(directory));
  assert.equal(reader.unseal(writer.seal('secret', 'a'), 'a'), 'secret');
  rmSync(masterKeyFile(directory));
  assert.equal(reader.unseal(reader.seal('secret', 'a'), 'a'), 'secret');
});
