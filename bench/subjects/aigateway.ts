// This gateway, started and set up as a user does: the launcher, an empty data folder, the log on, an account by the API.
import { fileURLToPath } from 'node:url';
import { upstreamKey } from '../answers.ts';
import { startProcess } from '../lib/start-process.ts';
import type { RunningSubject, Subject, SubjectParts } from './subject.ts';

const launcher = fileURLToPath(new URL('../../bin/aigateway.js', import.meta.url));

const withoutLedgerProgram = fileURLToPath(new URL('../programs/without-ledger.ts', import.meta.url));

export const aigateway: Subject = { title: 'aigateway', start: (parts) => start(parts, [launcher, 'serve']) };

/** The difference to `aigateway` is what the ledger costs. */
export const withoutLedger: Subject = {
  title: 'without its ledger',
  start: (parts) => start(parts, [withoutLedgerProgram]),
};

async function start(
  { upstream, folder, nodeOptions }: SubjectParts,
  program: readonly string[],
): Promise<RunningSubject> {
  const running = await startProcess({
    command: process.execPath,
    args: [...nodeOptions, ...program],
    env: { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: folder, AIGATEWAY_LOG_LEVEL: 'info' },
    // Settings of the shell that starts the benchmark are not those of the gateway that is measured.
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
  const url = new URL(running.readyText);
  await send(url, 'PATCH', 'providers/openai', { base_url: upstream });
  await send(url, 'POST', 'accounts', {
    provider_id: 'openai',
    label: 'Bench',
    auth_data: { api_key: upstreamKey },
    is_active: true,
  });
  return {
    target: {
      host: url.hostname,
      port: Number(url.port),
      path: '/v1/chat/completions',
      key: 'sk-bench-client',
      modelPrefix: '',
      isVerbatim: true,
    },
    pids: [running.pid],
    coldStartMs: running.readyMs,
    stop: running.stop,
  };
}

async function send(url: URL, method: string, path: string, body: unknown): Promise<void> {
  const response = await fetch(new URL(`/api/v1/${path}`, url), {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
}
