// Starts a worker: the same program with the same flags, joined to the supervisor by a channel.
import cluster from 'node:cluster';
import type { FromWorker } from './messages.ts';
import type { WorkerListener, WorkerProcess } from './supervisor.ts';

/** Sets up what `fork` starts: `args` follow the program's own path. */
export function prepareForks(args: readonly string[]): (listener: WorkerListener) => WorkerProcess {
  cluster.setupPrimary({ args: [...args] });
  return (listener) => {
    let worker: ReturnType<typeof cluster.fork>;
    try {
      worker = cluster.fork();
    } catch (error) {
      setImmediate(() => listener.ended(null, null, error as Error));
      return { pid: undefined, tell() {}, kill() {} };
    }
    worker.on('message', (message: FromWorker) => listener.heard(message));
    worker.on('error', (error) => {
      // It may be gone while it is told something; its end says so. One that has no number has not begun, and has no end.
      if (worker.process.pid === undefined) listener.ended(null, null, error);
    });
    worker.process.once('exit', (code, signal) => listener.ended(code, signal));
    return {
      pid: worker.process.pid,
      tell: (message) => {
        if (worker.isConnected()) worker.send(message);
      },
      kill: () => void worker.process.kill('SIGKILL'),
    };
  };
}
