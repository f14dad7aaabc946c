// A function whose code is loaded at its first call: what is rarely used takes no memory until then.

/**
 * `load` is called at the first call, and again at the next one where it failed. `onFailure` gets what a call that could
 * not be made was called with. The answer never rejects for what `load` does.
 */
export function lazily<Arguments extends readonly unknown[]>(
  load: () => Promise<(...args: Arguments) => unknown>,
  onFailure: (error: unknown, ...args: Arguments) => void,
): (...args: Arguments) => Promise<void> {
  let loading: Promise<(...args: Arguments) => unknown> | undefined;
  return async (...args) => {
    let loaded;
    try {
      loaded = await (loading ??= load());
    } catch (error) {
      loading = undefined;
      onFailure(error, ...args);
      return;
    }
    await loaded(...args);
  };
}
