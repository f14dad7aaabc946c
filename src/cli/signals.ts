// What the signals mean to a gateway that others than its operator send, or that are meant for other programs.

/**
 * SIGHUP says that the terminal is gone, perhaps more than once, and then `onHangUp` is called. SIGUSR1 and SIGUSR2 do
 * nothing: the one would have Node.js open a debugger, which shows every key to whoever is on this machine; the other
 * would end the process with all that runs in it.
 */
export function listenForStraySignals(onHangUp: () => void): void {
  process.on('SIGHUP', onHangUp);
  process.on('SIGUSR1', () => {});
  process.on('SIGUSR2', () => {});
}
