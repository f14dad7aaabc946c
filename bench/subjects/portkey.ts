// Portkey's open-source gateway, on the same Node.js as this one. It keeps no keys: the client's own goes to the upstream.
import { join } from 'node:path';
import { upstreamKey } from '../answers.ts';
import { freePort, startProcess } from '../lib/start-process.ts';
import { peers, portkeyFolder } from './peers.ts';
import type { RunningSubject, Subject, SubjectParts } from './subject.ts';

export const portkey: Subject = {
  title: 'Portkey',
  isPeer: true,
  version: peers.portkey.installed,
  start,
};

async function start({ upstream, cacheFolder }: SubjectParts): Promise<RunningSubject> {
  const port = await freePort();
  const running = await startProcess({
    command: process.execPath,
    args: [join(portkeyFolder(cacheFolder), 'build/start-server.js'), `--port=${port}`, '--headless'],
    env: { NODE_ENV: 'production' },
    withoutEnv: /^(?:NODE_OPTIONS|PORT|TRUSTED_CUSTOM_HOSTS)$/u,
    ready: new URL(`http://127.0.0.1:${port}/`),
  });
  return {
    target: {
      host: '127.0.0.1',
      port,
      path: '/v1/chat/completions',
      keys: [upstreamKey],
      headers: ['x-portkey-provider: openai', `x-portkey-custom-host: ${upstream}/v1`],
      modelPrefix: '',
      isVerbatim: false,
    },
    pids: [running.pid],
    coldStartMs: running.readyMs,
    stop: running.stop,
  };
}
