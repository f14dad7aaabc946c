// The two programs beside what is measured, each a process of its own: the upstream and the load generator.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Job, LatencyJob, LatencyReport, LoadJob, LoadReport, Reply } from '../job.ts';

/** Upstream and load generator. */
export interface Companions {
  readonly upstreamPort: number;
  readonly upstreamPid: number;
  /** Has a job done; rejects where an answer was wrong. */
  perform(job: LoadJob): Promise<LoadReport>;
  perform(job: LatencyJob): Promise<LatencyReport>;
  stop(): void;
}

/** Starts both. */
export async function startCompanions(): Promise<Companions> {
  const upstream = start('upstream.ts');
  const load = start('load.ts');
  const { port } = await nextMessage<{ port: number }>(upstream);
  return {
    upstreamPort: port,
    upstreamPid: upstream.pid as number,
    async perform(job: Job) {
      const reply = nextMessage<Reply>(load);
      load.send(job);
      const answer = await reply;
      if (answer.kind === 'failed') throw new Error(answer.message);
      return answer.report as LoadReport & LatencyReport;
    },
    stop() {
      for (const child of [upstream, load]) if (child.connected) child.disconnect();
    },
  };
}

function start(name: string): ChildProcess {
  return fork(fileURLToPath(new URL(`../programs/${name}`, import.meta.url)));
}

function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a program of the benchmark ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as Message);
    });
  });
}
