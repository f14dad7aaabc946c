// This gateway, started and set up as a user does: the launcher, an empty data folder, the log on, all else by the API.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { answers, upstreamKey } from '../answers.ts';
import { startProcess } from '../lib/start-process.ts';
import type { RunningSubject, Subject, SubjectParts } from './subject.ts';

const launcher = fileURLToPath(new URL('../../bin/aigateway.js', import.meta.url));

const withoutLedgerProgram = fileURLToPath(new URL('../programs/without-ledger.ts', import.meta.url));
/** What the gateway is set up with by itself takes few calls at a time: the database writes one after another. */
const callsAtOnce = 16;

/** How the gateway is set up. */
export interface Setup {
  /** More than one have each an organization of its own. */
  readonly accounts: number;
  /** Client keys, each with every limit and a budget, all too high to refuse anything; 0 leaves `/v1` open. */
  readonly clientKeys: number;
  /** What is run by Node.js. */
  readonly program?: readonly string[];
  /** Settings besides the usual ones. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** No client key: out of the box. */
export const aigateway: Subject = {
  title: 'aigateway',
  isPeer: false,
  start: (parts) => startGateway(parts, { accounts: 1, clientKeys: 0 }),
};

/** Everything switched on: a client key with all limits and a budget, and a price for the model. */
export const governed: Subject = {
  title: 'aigateway, governed',
  isPeer: false,
  start: (parts) => startGateway(parts, { accounts: 1, clientKeys: 1 }),
};

/** Governed, with these settings: stores that several gateways can share. */
export function governedWith(environment: Readonly<Record<string, string>>): Subject {
  return { ...governed, start: (parts) => startGateway(parts, { accounts: 1, clientKeys: 1, environment }) };
}

/** The difference to `aigateway` is what the ledger costs. */
export const withoutLedger: Subject = {
  title: 'without its ledger',
  isPeer: false,
  start: (parts) => startGateway(parts, { accounts: 1, clientKeys: 0, program: [withoutLedgerProgram] }),
};

/** Starts the gateway and sets it up. */
export async function startGateway(
  { upstream, folder, nodeOptions }: SubjectParts,
  { accounts, clientKeys, program = [launcher, 'serve'], environment = {} }: Setup,
): Promise<RunningSubject> {
  // What a clone does at its first start after a change is no part of a start.
  execFileSync(process.execPath, [launcher, '--version']);
  const running = await startProcess({
    command: process.execPath,
    args: [...nodeOptions, ...program],
    env: { AIGATEWAY_PORT: '0', AIGATEWAY_DATA_DIR: folder, AIGATEWAY_LOG_LEVEL: 'info', ...environment },
    // Settings of the shell that starts the benchmark are not those of the gateway that is measured.
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
  const url = new URL(running.readyText);
  await send(url, 'PATCH', 'providers/openai', { base_url: upstream });
  if (clientKeys > 0) for (const model of Object.keys(answers)) await send(url, 'POST', 'prices', priceOf(model));
  await inTurns(accounts, (i) => send(url, 'POST', 'accounts', accountOf(i)));
  const made = await inTurns(clientKeys, (i) => send(url, 'POST', 'keys', clientKeyOf(i)));
  const keys = made.map((key) => (key as { key: string }).key);
  return {
    target: {
      host: url.hostname,
      port: Number(url.port),
      path: '/v1/chat/completions',
      keys: clientKeys === 0 ? ['sk-bench-client'] : keys,
      modelPrefix: '',
      isVerbatim: true,
    },
    pids: [running.pid],
    coldStartMs: running.readyMs,
    stop: running.stop,
  };
}

function accountOf(i: number): unknown {
  const key = i === 0 ? upstreamKey : `${upstreamKey}-org${i}`;
  return { provider_id: 'openai', label: `Bench ${i}`, auth_data: { api_key: key }, is_active: true };
}

function clientKeyOf(i: number): unknown {
  const budget = { amount: '1000000.00', period: 'month' };
  return { name: `Bench ${i}`, rpm: 1_000_000_000, tpm: 1_000_000_000_000, max_concurrency: 100_000, budget };
}

/** So low that no run comes near its budget. */
function priceOf(model: string): unknown {
  return { provider_id: 'openai', model, input: '0.01', output: '0.02', effective_from: '2026-01-01' };
}

/** Does something for each number below `count`, a few at a time; the answers are in order. */
async function inTurns(count: number, act: (i: number) => Promise<unknown>): Promise<unknown[]> {
  const answered: unknown[] = Array.from({ length: count });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = next;
      next += 1;
      answered[i] = await act(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, callsAtOnce) }, worker));
  return answered;
}

async function send(url: URL, method: string, path: string, body: unknown): Promise<unknown> {
  const response = await fetch(new URL(`/api/v1/${path}`, url), {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}
