// Whose a spool is: a lock that dies with its process, so that the next one can take over what it left.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const lockFile = 'lock';

/** A spool folder that belongs to this process. */
export interface Claim {
  readonly folder: string;
  /** Lets go of the folder. */
  release(): void;
  /** Deletes the folder with all that is in it. */
  remove(): void;
}

/**
 * Claims a spool folder, which is made if it is not there; undefined where a living process has it. SQLite's file lock
 * is a lock of the operating system: it ends with the process, however that ends.
 */
export function claimSpool(folder: string): Claim | undefined {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(join(folder, lockFile), { timeout: 0 });
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
