// Whose a spool is: a lock that dies with its process, so that the next one can take over what it left.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

const lockFile = 'lock';

/** A spool folder that belongs to this process. */
export interface Claim {
  readonly folder: string;
  /** Lets go of the folder. */
  release(): void;
  /** Deletes the folder with all that is in it. */
  remove(): void;
}

/** Claims a spool folder of one's own, which is made if it is not there; undefined where a living process has it. */
export function claimSpool(folder: string): Claim | undefined {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return lockSpool(folder, new DatabaseSync(join(folder, lockFile), { timeout: 0 }));
}

/** Claims a spool folder that another process made; undefined where a living process has it, or is just making it, and where it is gone. */
export function claimLeftSpool(folder: string): Claim | undefined {
  const file = join(folder, lockFile);
  const hasLock = existsSync(file);
  // With neither a lock nor lines in it, it is being made: who took it now would take the folder from under its maker.
  if (!hasLock && (!existsSync(folder) || readdirSync(folder).length === 0)) return undefined;
  let lock: DatabaseSync;
  try {
    // A lock that is gone by now is not made again: it would be a second one for those who have the first one open.
    lock = new DatabaseSync(`${pathToFileURL(file).href}?mode=${hasLock ? 'rw' : 'rwc'}`, { timeout: 0 });
  } catch (error) {
    if (!existsSync(file)) return undefined;
    throw error;
  }
  return lockSpool(folder, lock);
}

/** SQLite's file lock is a lock of the operating system: it ends with the process, however that ends. */
function lockSpool(folder: string, lock: DatabaseSync): Claim | undefined {
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch {
    lock.close();
    return undefined;
  }
  const release = (): void => {
    if (lock.isOpen) lock.close();
  };
  // Whoever had it a moment ago has deleted it: the lock is that of a file which nobody finds any more.
  if (!existsSync(join(folder, lockFile))) {
    release();
    return undefined;
  }
  return {
    folder,
    release,
    remove() {
      // Deleted while it is locked, so that who claims it next sees that it is gone. Windows deletes nothing that is open.
      if (process.platform === 'win32') release();
      rmSync(folder, { recursive: true, force: true });
      release();
    },
  };
}

/** The names of the spools below a folder. */
export function listSpools(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}
