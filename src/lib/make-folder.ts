// Makes a folder and those above it.
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes the folder with mode 0700 where it is not there. Throws the system's error where it cannot be made; Node.js itself
 * tries for ever where a folder that is there says that it is not, as /proc does (`mkdirSync` with `recursive`).
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const above = dirname(resolve(path));
    if (code === 'ENOENT' && statSync(above, { throwIfNoEntry: false }) === undefined) {
      makeFolder(above);
      makeFolder(path);
    } else if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
