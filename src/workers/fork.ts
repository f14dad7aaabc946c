// Starts a worker: the same program with the same flags, joined to the supervisor by a channel.
import cluster from 'node:cluster';
import type { FromWorker } from './messages.ts';
import type { WorkerListener, WorkerProcess } from './supervisor.ts';

/** Sets up what `fork` starts: `args` follow the program's own path. */
export function prepareForks(args: readonly string[]): (listener: WorkerListener) => WorkerProcess {
  cluster.setupPrimary({ args: [...args] });
  return (listener) => {
    const worker = cluster.fork();
    worker.on('message', (message: FromWorker) => listener.heard(message));
    // It may not have begun at all, or be gone while it is told something; its end says so.
    worker.on('error', () => {});
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
