// What the workers of one supervisor share, in this process: connections to it that count, and end when they are closed.
import { systemClock } from '../../src/lib/clock.ts';
import { LocalConnection } from '../../src/shared-state/local/local-connection.ts';
import type { LocalStore } from '../../src/shared-state/local/local-store.ts';
import type { KeeperConnection } from './gateway-trio.ts';

/** The place, and who listens there. */
export interface LocalPlace {
  readonly store: LocalStore;
  readonly listeners: Set<(from: object, channel: string, message: string) => void>;
}

/** A connection of one more worker. What it asks and is answered goes through JSON, as it does between processes. */
export function connectTo({ store, listeners }: LocalPlace): KeeperConnection {
  let calls = 0;
  let isLost = false;
  const me = {};
  const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
  const connection = new LocalConnection(
    {
      get isLost() {
        return isLost;
      },
      async ask(script, keys, values) {
        if (isLost) throw new Error('the supervisor is gone');
        calls += 1;
        await new Promise(setImmediate);
        return copy(store.run(script, copy(keys) as string[], copy(values) as string[]));
      },
      publish(channel, message) {
        for (const listen of listeners) listen(me, channel, message);
      },
      onPublished(listener) {
        listeners.add((from, channel, message) => {
          if (from !== me && !isLost) listener(channel, message);
        });
      },
    },
    systemClock,
  );
  return {
    get isAway() {
      return connection.isAway;
    },
    get silentMs() {
      return connection.silentMs;
    },
    get calls() {
      return calls;
    },
    key: (tag, name) => connection.key(tag, name),
    run: (script, keys, values) => connection.run(script, keys, values),
    publish: (channel, message) => connection.publish(channel, message),
    subscribe: (channel, listener) => connection.subscribe(channel, listener),
    onReturn: () => connection.onReturn(),
    close: () => {
      isLost = true;
      connection.close();
    },
  };
}
