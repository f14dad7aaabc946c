// `npm run bench:soak`: a governed gateway for twenty minutes with faults and aborts; its memory, sockets and timers.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { openAccounting } from './lib/accounting.ts';
import { endOnSignal } from './lib/end-on-signal.ts';
import { startProcess } from './lib/start-process.ts';
import { readSetting } from './report/machine.ts';
import { writeBlock } from './report/results.ts';
import { startGateway } from './subjects/aigateway.ts';

const launcher = fileURLToPath(new URL('../bin/aigateway.js', import.meta.url));
const resources = fileURLToPath(new URL('programs/resources.ts', import.meta.url));
const clients = 32;
const accounts = 5;
const sampleMs = 1000;
/** From the last call to the last look: connections that are kept alive have been closed by then. */
const restMs = 10_000;
/** Of the streams, the share whose client hangs up; after so many bytes at most. */
const abortShare = 0.1;
const abortBytes = 3000;
/** Where the first look that counts falls, as a share of the time: minute 3 of 20. */
const fromShare = 0.15;
const growthAllowed = 1.05;

const script = {
  rpm: 100_000_000,
  tpm: 100_000_000_000,
  chunks: 30,
  fault: [
    { fault: '500', share: 0.01 },
    { fault: '503', share: 0.01 },
    { fault: 'close-before-headers', share: 0.005 },
    { fault: 'reset-mid-stream', share: 0.01 },
    { fault: 'cut-mid-stream', share: 0.01 },
    { fault: '429-retry-after-ms', share: 0.002 },
  ],
};

interface Sample {
  readonly atMs: number;
  readonly residentBytes: number;
  readonly sockets: number;
  readonly timers: number;
}

/** Sockets that a process has open, as the operating system counts them. */
function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  const isSocket = (name: string): boolean => {
    try {
      return readlinkSync(join(folder, name)).startsWith('socket:');
    } catch {
      return false;
    }
  };
  return readdirSync(folder).filter(isSocket).length;
}

function timersOf(file: string): number {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>)['Timeout'] ?? 0;
  } catch {
    return 0;
  }
}

/** One client: calls until told to stop, and counts what came. */
async function client(
  url: string,
  key: string,
  agent: Agent,
  counts: Record<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const note = (name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  while (!signal.aborted) {
    const isStream = Math.random() < 0.5;
    const stopsAt = isStream && Math.random() < abortShare ? Math.random() * abortBytes : Number.POSITIVE_INFINITY;
    const body = { model: 'gpt-4', stream: isStream, messages: [{ role: 'user', content: 'How are you?' }] };
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    try {
      const answer = await request(url, { method: 'POST', headers, body: JSON.stringify(body), dispatcher: agent });
      let bytes = 0;
      for await (const part of answer.body) {
        bytes += (part as Buffer).length;
        if (bytes > stopsAt) break;
      }
      note(bytes > stopsAt ? 'hung up' : String(answer.statusCode));
    } catch (error) {
      note((error as { code?: string }).code ?? 'failed');
    }
  }
}

function median(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const sorted = samples.map(of).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

async function soak(minutes: number, folder: string): Promise<string> {
  const file = join(folder, 'script.json');
  writeFileSync(file, JSON.stringify(script));
  const upstream = await startProcess({
    command: process.execPath,
    args: [launcher, 'mock', '--port', '0', '--script', file],
    env: {},
    withoutEnv: /^AIGATEWAY_/u,
    ready: /^listening on (\S+)$/mu,
  });
  const data = join(folder, 'data');
  mkdirSync(data);
  const counted = join(folder, 'resources.json');
  process.env['BENCH_RESOURCES_FILE'] = counted;
  const gateway = await startGateway(
    {
      upstream: upstream.readyText,
      upstreamPort: 0,
      folder: data,
      cacheFolder: folder,
      nodeOptions: ['--import', resources],
    },
    { accounts, clientKeys: 1 },
  );
  const [pid = 0] = gateway.pids;
  const accounting = openAccounting();
  const agent = new Agent({ connections: clients, pipelining: 1 });
  const end = new AbortController();
  const counts: Record<string, number> = {};
  const { host, port, path, keys } = gateway.target;
  const url = `http://${host}:${port}${path}`;
  const running = Array.from({ length: clients }, () => client(url, keys[0] ?? '', agent, counts, end.signal));
  const samples: Sample[] = [];
  const startedAtMs = performance.now();
  const look = (): Sample => ({
    atMs: performance.now() - startedAtMs,
    residentBytes: accounting.residentBytes(gateway.pids),
    sockets: socketsOf(pid),
    timers: timersOf(counted),
  });
  try {
    while (performance.now() - startedAtMs < minutes * 60_000) {
      await sleep(sampleMs);
      samples.push(look());
      const last = samples.at(-1);
      if (last !== undefined && samples.length % 30 === 0)
        process.stderr.write(
          `${(last.atMs / 60_000).toFixed(1)} of ${minutes} min: ${(last.residentBytes / 2 ** 20).toFixed(0)} MiB, ${last.sockets} sockets, ${last.timers} timers, ${JSON.stringify(counts)}\n`,
        );
    }
    end.abort();
    await Promise.all(running);
    await agent.close();
    await sleep(restMs);
    return textOf(minutes, samples, look(), counts);
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

/** Compares the twentieth of the samples around minute 3 with the last twentieth. */
function textOf(
  minutes: number,
  samples: readonly Sample[],
  rested: Sample,
  counts: Readonly<Record<string, number>>,
): string {
  const span = Math.max(3, Math.round(samples.length * 0.05));
  const from = Math.floor(samples.length * fromShare);
  const early = samples.slice(from, from + span);
  const late = samples.slice(-span);
  const row = (name: string, of: (sample: Sample) => number, unit: number): string => {
    const [a, b] = [median(early, of) / unit, median(late, of) / unit];
    return `| ${name} | ${a.toFixed(0)} | ${b.toFixed(0)} | ${a === 0 ? '–' : `${(((b - a) / a) * 100).toFixed(1)} %`} | ${(of(rested) / unit).toFixed(0)} |`;
  };
  const bytes = (sample: Sample): number => sample.residentBytes;
  const holds = median(late, bytes) <= median(early, bytes) * growthAllowed;
  const setting = readSetting({});
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const outcomes = Object.entries(counts).map(([name, count]) => `${name}: ${count.toLocaleString('en-US')}`);
  return `| | after ${(minutes * fromShare).toFixed(1)} min | at the end | growth | ${restMs / 1000} s after |
| --- | --: | --: | --: | --: |
${row('Memory, MiB', bytes, 2 ** 20)}
${row('Sockets', ({ sockets }) => sockets, 1)}
${row('Timers', ({ timers }) => timers, 1)}

${minutes} minutes, ${clients} clients, ${total.toLocaleString('en-US')} calls (${outcomes.join(', ')}). Memory may grow by 5 %: ${holds ? 'holds' : 'does not hold'}.

${setting.date}, aigateway ${setting.gateway}, Node.js ${setting.node}, ${setting.cpu}, ${setting.cores} cores, load before ${setting.loadBefore}.
`;
}

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '20' }, write: { type: 'boolean', default: false } },
});
endOnSignal();
const folder = mkdtempSync(join(tmpdir(), 'aigateway-soak-'));
try {
  const text = await soak(Number(values.minutes), folder);
  process.stdout.write(text);
  if (values.write) {
    writeBlock('docs/performance.md', 'soak', text);
    process.stdout.write('docs/performance.md written\n');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
