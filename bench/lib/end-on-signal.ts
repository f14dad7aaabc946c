// A run that is told to end says so, and ends the programs that it has started: they go with this process.

/** Ends this process with 1 at the first SIGINT or SIGTERM. */
export function endOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      process.stderr.write(`bench: ended by ${signal}\n`);
      process.exit(1);
    });
}
