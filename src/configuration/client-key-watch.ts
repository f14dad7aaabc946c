// Keeps the client keys in memory true to the database: reads what changed, at once when told and with the next question when not.
import type { ClientKeys } from '../core/client-key.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientKeyStore } from '../storage/storage.ts';
import { keepAsking, type ChangeNotices } from './asking.ts';
import { ClientKeyIndex } from './client-key-index.ts';

/** Keys that were read longer ago than this may have changed since: what is not among them may be a key all the same. */
const freshForMs = 2000;

/** So many changes are read at once. */
const pageLength = 1000;

/** What the watch needs of the rest. */
export interface ClientKeyWatchParts {
  readonly store: Pick<ClientKeyStore, 'changesAfter' | 'latestRevision'>;
  readonly notices: ChangeNotices;
  readonly clock: Clock;
  /** Hears of a key that cannot be used as it is written, a sentence each time it changes. */
  readonly onProblem: (problem: string) => void;
  /** Called with the revision that the keys are at, whenever they were read. */
  readonly onRevision?: (revision: number) => void;
  /** Called when the keys cannot be read, and when they can again: undefined then. */
  readonly onTrouble: (error: Error | undefined) => void;
}

/** The client keys in force. */
export interface ClientKeyWatch extends ClientKeys {
  /** Takes over what the database holds now; resolves when it is in force. */
  reload(): Promise<void>;
  stop(): void;
}

/** Reads the keys and begins to watch them; rejects where they cannot be read even once. */
export async function watchClientKeys(parts: ClientKeyWatchParts): Promise<ClientKeyWatch> {
  const { store, clock } = parts;
  let index = new ClientKeyIndex();
  let revision = 0;
  let readAtMs = clock.nowMs();
  let isInTrouble = false;
  let isStopped = false;
  let turn: Promise<unknown> = Promise.resolve();

  /** Brings `known` up to date from `after` on; answers the revision it is at then. */
  const readInto = async (known: ClientKeyIndex, after: number): Promise<number> => {
    for (let last = after; ;) {
      const changes = await store.changesAfter(last, pageLength);
      if (isStopped) return last;
      for (const change of changes) {
        const problem = known.apply(change);
        if (problem !== undefined) parts.onProblem(problem);
        last = change.revision;
      }
      if (changes.length < pageLength) return last;
    }
  };
  const readChanges = async (): Promise<void> => {
    const startedAtMs = clock.nowMs();
    const last = await readInto(index, revision);
    // Numbers are never given twice: where the last one is gone, a backup was put back, and nothing known counts.
    if (last === revision && (await store.latestRevision()) < revision) {
      const anew = new ClientKeyIndex();
      revision = await readInto(anew, 0);
      index = anew;
    } else revision = last;
    if (!isStopped) readAtMs = startedAtMs;
  };
  // One after the other: an older answer that came later would bring a revoked key back.
  const reload = (): Promise<void> => {
    const read = turn.then(readChanges);
    turn = read.catch(() => undefined);
    return read;
  };
  await reload();
  const stopAsking = keepAsking(parts.notices, clock, async () => {
    try {
      await reload();
      if (!isStopped) parts.onRevision?.(revision);
      if (isInTrouble) parts.onTrouble(undefined);
      isInTrouble = false;
    } catch (error) {
      if (!isInTrouble && !isStopped) parts.onTrouble(error as Error);
      isInTrouble = true;
    }
    return !isInTrouble;
  });
  return {
    get isEmpty() {
      return index.isEmpty;
    },
    find: (text) => index.find(text),
    isFresh: () => clock.nowMs() - readAtMs <= freshForMs,
    reload,
    stop() {
      isStopped = true;
      stopAsking();
    },
  };
}
