// No gateway: the calls go straight to the upstream. What the others cost is what they cost beyond this.
import { upstreamKey } from '../answers.ts';
import type { Target } from '../job.ts';
import type { Subject } from './subject.ts';

/** The upstream itself as the target of calls. */
export function directTarget(upstreamPort: number): Target {
  return {
    host: '127.0.0.1',
    port: upstreamPort,
    path: '/v1/chat/completions',
    keys: [upstreamKey],
    modelPrefix: '',
    isVerbatim: true,
  };
}

export const direct: Subject = {
  title: 'direct',
  isPeer: false,
  start: ({ upstreamPort }) =>
    Promise.resolve({
      target: directTarget(upstreamPort),
      pids: [],
      coldStartMs: undefined,
      stop: () => Promise.resolve(),
    }),
};
