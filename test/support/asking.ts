// Keeps a gateway busy while something else is changed, and counts who was not served.

/** What came of the requests. */
export interface Asked {
  readonly count: number;
  /** What was no success, each with its status and body. */
  readonly failures: readonly string[];
}

/** Requests that are under way. */
export interface Asking {
  /** How many have been begun. */
  begun(): number;
  /** Begins no more; resolves when the last one is answered. */
  stop(): Promise<Asked>;
}

/** Asks with so many requests at a time, whole and streamed in turn, until it is stopped. */
export function keepAsking(ask: (isStream: boolean) => Promise<Response>, parallel: number): Asking {
  const state = { isOver: false, count: 0 };
  const failures: string[] = [];
  const askInTurn = async (): Promise<void> => {
    while (!state.isOver) {
      const isStream = state.count % 2 === 0;
      state.count += 1;
      try {
        const response = await ask(isStream);
        const text = await response.text();
        const isWhole = isStream ? text.endsWith('data: [DONE]\n\n') : text.endsWith('}');
        if (response.status !== 200 || !isWhole) failures.push(`${response.status} ${text}`);
      } catch (error) {
        failures.push(String(error));
        return;
      }
    }
  };
  const running = Promise.all(Array.from({ length: parallel }, askInTurn));
  return {
    begun: () => state.count,
    async stop() {
      state.isOver = true;
      await running;
      return { count: state.count, failures };
    },
  };
}
