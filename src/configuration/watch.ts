// Keeps the configuration in force true to the database: reloads at once when told, and with the next question when not.
import type { Configuration } from '../core/configuration.ts';
import type { Clock } from '../lib/clock.ts';
import type { ConfigurationRows, Storage } from '../storage/storage.ts';
import { keepAsking, type ChangeNotices } from './asking.ts';

/** What the watch needs of the rest. */
export interface WatchParts {
  readonly storage: Pick<Storage, 'revision' | 'readConfiguration'> & ChangeNotices;
  /** `before` is the configuration in force; undefined at the start. */
  readonly build: (rows: ConfigurationRows, before?: Configuration) => Configuration;
  readonly clock: Clock;
  /** Called with the revision that the database is at, whenever it was asked. */
  readonly onRevision?: (revision: number) => void;
  /** Called after every change. */
  readonly onChange: (configuration: Configuration) => void;
  /** Called when the database stops or starts answering again: undefined when it does. */
  readonly onTrouble: (error: Error | undefined) => void;
}

/** The configuration in force. */
export interface ConfigurationWatch {
  current(): Configuration;
  /** Whether the database answered when it was last asked. */
  isFresh(): boolean;
  /** Takes over what the database holds now; resolves when it is in force. */
  reload(): Promise<void>;
  stop(): void;
}

/** Reads the configuration and begins to watch it; rejects where it cannot be read even once. */
export async function watchConfiguration(parts: WatchParts): Promise<ConfigurationWatch> {
  let configuration = parts.build(await parts.storage.readConfiguration());
  let isFresh = true;
  let isStopped = false;
  let reads = 0;
  let readInForce = 0;
  parts.onChange(configuration);

  const reload = async (): Promise<void> => {
    reads += 1;
    const read = reads;
    const next = parts.build(await parts.storage.readConfiguration(), configuration);
    // Two reloads may overtake each other: what was asked for later stays. The revision does not tell: where a backup was
    // put back it is lower than before.
    if (isStopped || read < readInForce) return;
    readInForce = read;
    configuration = next;
    parts.onChange(next);
  };
  const stopAsking = keepAsking(parts.storage, parts.clock, async () => {
    try {
      const revision = await parts.storage.revision();
      if (revision !== configuration.revision) await reload();
      if (!isStopped) parts.onRevision?.(revision);
      if (!isFresh) parts.onTrouble(undefined);
      isFresh = true;
    } catch (error) {
      if (isFresh && !isStopped) parts.onTrouble(error as Error);
      isFresh = false;
    }
    return isFresh;
  });
  return {
    current: () => configuration,
    isFresh: () => isFresh,
    reload,
    stop() {
      isStopped = true;
      stopAsking();
    },
  };
}
