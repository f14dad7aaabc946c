// A place that gateways share, which a test takes away from each of them, and which forgets all when it is told to.
import { systemClock } from '../../src/lib/clock.ts';
import { LocalStore } from '../../src/shared-state/local/local-store.ts';
import type { KeeperConnection } from './gateway-trio.ts';

/** A gateway's connection to it. */
export interface ForgetfulConnection extends KeeperConnection {
  /** From now on nothing is answered. */
  lose(): void;
  /** Nothing is answered, and the connection has not noticed yet. */
  falter(): void;
  /** It answers again. */
  comeBack(): void;
}

/** The place. */
export class ForgetfulPlace {
  #store = new LocalStore(systemClock);

  forgetAll(): void {
    this.#store = new LocalStore(systemClock);
  }

  connect(): ForgetfulConnection {
    const listeners = new Set<() => void>();
    let isAway = false;
    let isSilent = false;
    let calls = 0;
    return {
      get isAway() {
        return isAway;
      },
      silentMs: 0,
      get calls() {
        return calls;
      },
      key: (tag, name) => `${tag}:${name}`,
      run: async ({ name }, keys, values) => {
        calls += 1;
        await new Promise(setImmediate);
        if (isAway || isSilent) throw new Error('nobody answers');
        return this.#store.run(name, keys, values);
      },
      publish: async () => {},
      subscribe: () => () => {},
      onReturn(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      lose() {
        isAway = true;
      },
      falter() {
        isSilent = true;
      },
      comeBack() {
        isAway = false;
        isSilent = false;
        for (const listener of listeners) listener();
      },
      close() {
        isAway = true;
      },
    };
  }
}
