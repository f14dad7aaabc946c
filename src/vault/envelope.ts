// Envelope encryption: each secret under a key of its own, that key under the master key, both bound to their owner.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Written before every sealed text, so that its form can change one day. */
const sealedPrefix = 'agwv1';

/** A master key with the id that its envelopes name: the first 8 bytes of its SHA-256, in hex. */
export interface MasterKey {
  readonly id: string;
  readonly bytes: Buffer;
}

export function masterKey(bytes: Buffer): MasterKey {
  return { id: createHash('sha256').update('aigateway master key').update(bytes).digest('hex').slice(0, 16), bytes };
}

function encrypt(key: Buffer, plain: Buffer, owner: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(Buffer.from(owner));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Buffer, owner: string): Buffer {
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(owner));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
}

/** Seals `plain` for `owner` (its table and id): an envelope moved to another row does not open. */
export function seal(master: MasterKey, plain: string, owner: string): string {
  const dataKey = randomBytes(32);
  const wrapped = encrypt(master.bytes, dataKey, `key of ${owner}`);
  const content = encrypt(dataKey, Buffer.from(plain), owner);
  return [sealedPrefix, master.id, wrapped.toString('base64'), content.toString('base64')].join('.');
}

/** Why an envelope does not open. */
export class UnsealError extends Error {
  override readonly name = 'UnsealError';
  /** It names a master key that is not among those at hand: with the right one it may open. */
  readonly isOtherKey: boolean;

  constructor(message: string, isOtherKey = false) {
    super(message);
    this.isOtherKey = isOtherKey;
  }
}

/** Opens an envelope with the key that it names; throws an `UnsealError` without any part of the secret. */
export function unseal(masters: readonly MasterKey[], sealed: string, owner: string): string {
  return open(masters, sealed, owner).plain;
}

/** The envelope under the first of the keys, its content untouched; undefined where it is already. Throws an `UnsealError`. */
export function reseal(
  masters: readonly [MasterKey, ...MasterKey[]],
  sealed: string,
  owner: string,
): string | undefined {
  const [first] = masters;
  // Opened as a whole: what is damaged must not look as good as new.
  const { dataKey } = open(masters, sealed, owner);
  if (keyIdOf(sealed) === first.id) return undefined;
  const wrapped = encrypt(first.bytes, dataKey, `key of ${owner}`);
  return [sealedPrefix, first.id, wrapped.toString('base64'), sealedContent(sealed)].join('.');
}

/** The id of the master key that an envelope names; empty where it is none. */
export function keyIdOf(sealed: string): string {
  const [prefix, keyId = ''] = sealed.split('.', 2);
  return prefix === sealedPrefix ? keyId : '';
}

/** The part of an envelope that stays the same when only its master key changes. */
export function sealedContent(sealed: string): string {
  return sealed.slice(sealed.lastIndexOf('.') + 1);
}

function open(masters: readonly MasterKey[], sealed: string, owner: string): { dataKey: Buffer; plain: string } {
  const [prefix, keyId = '', wrapped, content, ...more] = sealed.split('.');
  const isEnvelope = prefix === sealedPrefix && /^[0-9a-f]{16}$/u.test(keyId) && more.length === 0;
  if (!isEnvelope || wrapped === undefined || content === undefined) {
    throw new UnsealError('it was not encrypted by aigateway');
  }
  const master = masters.find((candidate) => candidate.id === keyId);
  if (master === undefined) throw new UnsealError(`it was encrypted with another master key (id ${keyId})`, true);
  try {
    const dataKey = decrypt(master.bytes, Buffer.from(wrapped, 'base64'), `key of ${owner}`);
    return { dataKey, plain: decrypt(dataKey, Buffer.from(content, 'base64'), owner).toString('utf8') };
  } catch {
    throw new UnsealError('it has been changed, or belongs to another row');
  }
}
