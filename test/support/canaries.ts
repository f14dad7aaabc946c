// Looks for secrets where none may be: as they are, in the usual encodings, and cut off after their first characters.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Secrets by name. */
export type Canaries = Readonly<Record<string, string>>;

/**
 * What a secret may be cut off to. Of a client key ten characters are shown to its owner, and in a file something else
 * follows upon them: of a thousand keys one or the other goes on with two characters of that by chance, none with six.
 */
function beginningOf(secret: string): string {
  return secret.slice(0, secret.startsWith('agw_') ? 16 : 12);
}

/** Every form in which a secret would still be one. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // In base64 the same bytes look different at each of three places; the edges depend on the neighbours.
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    return text.slice(offset === 0 ? 0 : offset + 1, -4);
  });
  return [
    secret,
    beginningOf(secret),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    encodeURIComponent(secret),
  ];
}

/** Which secrets are in a text or in bytes: `name of the secret in where`. */
export function findCanaries(canaries: Canaries, where: string, content: string | Buffer): string[] {
  const bytes = Buffer.from(content as string);
  return Object.entries(canaries).flatMap(([name, secret]) =>
    formsOf(secret).some((form) => bytes.includes(form)) ? [`${name} in ${where}`] : [],
  );
}

/** Every file below a folder, with its bytes. */
export function filesBelow(folder: string): (readonly [path: string, bytes: Buffer])[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(folder.length + 1), readFileSync(path)] as const);
}
