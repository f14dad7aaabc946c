// Whether a database file is still in its place: what is written into one that was moved, deleted or replaced is lost with it.
import { statSync } from 'node:fs';
import { StorageError } from '../storage.ts';

/**
 * A database file as it was opened. SQLite asks the same of itself where it has a rollback journal (`fileHasMoved` in its
 * os_unix.c), but not where it has a write-ahead log: there it goes on writing into a file that nobody finds any more.
 */
export class Place {
  readonly #file: string;
  readonly #inode: bigint | undefined;

  /** Of a file that is open already. */
  constructor(file: string) {
    this.#file = file;
    this.#inode = inodeOf(file);
  }

  /** Throws a `StorageError` where another file is there by now, or none. Takes 2 µs. */
  check(): void {
    if (inodeOf(this.#file) === this.#inode) return;
    throw new StorageError(
      `the database ${this.#file} is not the file that was opened: it was moved, deleted or replaced; end the gateway, put the right file there without the files -wal and -shm beside it, and start again`,
    );
  }
}

function inodeOf(file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino;
}
