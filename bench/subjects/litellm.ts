// LiteLLM's proxy: one worker, no database, its master key as the client's key.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers, upstreamKey } from '../answers.ts';
import { freePort, startProcess } from '../lib/start-process.ts';
import { peers } from './peers.ts';
import type { RunningSubject, Subject, SubjectParts } from './subject.ts';

const masterKey = 'sk-bench-litellm';

export const litellm: Subject = {
  title: 'LiteLLM',
  isPeer: true,
  slowness: 3,
  version: peers.litellm.installed,
  start,
};

async function start({ upstream, folder, cacheFolder }: SubjectParts): Promise<RunningSubject> {
  const port = await freePort();
  const file = join(folder, 'config.yaml');
  writeFileSync(file, configuration(upstream));
  const bin = join(cacheFolder, 'litellm/venv/bin');
  const running = await startProcess({
    command: join(bin, 'litellm'),
    args: [
      '--config',
      file,
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--num_workers',
      '1',
      '--telemetry',
      'False',
    ],
    // Nothing is fetched from outside: the prices that come with the package are good enough.
    env: { LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR', PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    withoutEnv: /^(?:LITELLM_|OPENAI_|DATABASE_)/u,
    ready: new URL(`http://127.0.0.1:${port}/health/liveliness`),
  });
  return {
    target: {
      host: '127.0.0.1',
      port,
      path: '/v1/chat/completions',
      keys: [masterKey],
      modelPrefix: '',
      isVerbatim: false,
    },
    pids: [running.pid],
    coldStartMs: running.readyMs,
    stop: running.stop,
  };
}

/** JSON is YAML. */
function configuration(upstream: string): string {
  return JSON.stringify({
    model_list: Object.keys(answers).map((model) => ({
      model_name: model,
      litellm_params: { model: `openai/${model}`, api_base: `${upstream}/v1`, api_key: upstreamKey },
    })),
    general_settings: { master_key: masterKey },
  });
}
