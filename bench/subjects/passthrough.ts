// A bare passthrough on node:http and undici: what the guard measures the gateway against.
import { fileURLToPath } from 'node:url';
import { upstreamKey } from '../answers.ts';
import { startProcess } from '../lib/start-process.ts';
import type { Subject } from './subject.ts';

const program = fileURLToPath(new URL('../programs/passthrough.ts', import.meta.url));

export const passthrough: Subject = {
  title: 'bare passthrough',
  isPeer: false,
  async start({ upstream }) {
    const running = await startProcess({
      command: process.execPath,
      args: [program, upstream, upstreamKey],
      env: {},
      withoutEnv: /^NODE_OPTIONS$/u,
      ready: /^listening on (\S+)$/mu,
    });
    const url = new URL(running.readyText);
    return {
      target: {
        host: url.hostname,
        port: Number(url.port),
        path: '/v1/chat/completions',
        keys: ['sk-bench-client'],
        modelPrefix: '',
        isVerbatim: true,
      },
      pids: [running.pid],
      coldStartMs: running.readyMs,
      stop: running.stop,
    };
  },
};
