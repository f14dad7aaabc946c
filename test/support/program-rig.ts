// A gateway in a process of its own with the fake OpenAI in this one: its log can be read and its memory measured.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { eventually } from './await.ts';
import { runProgram, type Program } from './program.ts';
import { canaryWatch, clientOf, setUp, type RigClient, type RigOptions } from './rig.ts';
import { freshDatabase } from './test-database.ts';

const collecting = new URL('./collecting.ts', import.meta.url).href;

/** How a program rig differs from the usual one. */
export interface ProgramRigOptions extends RigOptions {
  /** Options of Node.js: `--max-old-space-size=256`. */
  readonly nodeOptions?: string;
  /** Whether `held` is going to be asked. */
  readonly canCollect?: boolean;
}

/** A line of the log about one request. */
export interface RequestLine {
  readonly request_id: string;
  readonly model: string | null;
  readonly key_id: string | null;
  readonly status: number | null;
  readonly outcome: string;
  readonly attempts: number;
  readonly failures?: readonly string[];
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly usage_source?: 'upstream' | 'estimated';
}

/** A gateway in a process of its own. */
export interface ProgramRig extends RigClient, AsyncDisposable {
  readonly url: string;
  readonly folder: string;
  readonly mock: Mock;
  readonly program: Program;
  /** The log's lines about requests so far. */
  requestLines(): RequestLine[];
  /** A row of `/proc/PID/status` in bytes: `VmRSS` is what the process has in memory, `VmHWM` the most that it ever had. */
  memory(row: 'VmRSS' | 'VmHWM'): number;
  /** Bytes of the heap and of buffers that are left when the garbage has been collected; needs `canCollect`. */
  held(): Promise<number>;
}

/** Why memory cannot be measured here, as the reason of a skipped test; false where it can. */
export const withoutProc: string | false =
  process.platform === 'linux' ? false : 'memory is read from /proc, which only Linux has';

/** Starts a rig. Use it with `await using`. */
export async function startProgramRig(options: ProgramRigOptions = {}): Promise<ProgramRig> {
  // Where the start fails, what it had begun is ended: else the process of the test would wait for it.
  await using begun = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-test-'));
  const watch = canaryWatch(options);
  begun.defer(() => watch.end());
  begun.defer(() => rmSync(folder, { recursive: true, force: true }));
  const mock = await startMock({ port: 0, ...(options.script !== undefined && { script: options.script }) });
  begun.defer(() => mock.close());
  const { url: databaseUrl } = await freshDatabase(folder);
  const usual = { DATABASE_URL: databaseUrl, DRAIN_TIMEOUT_MS: '0', LOG_FORMAT: 'json', LOG_LEVEL: 'trace' };
  const settings = Object.entries({ ...usual, ...options.settings });
  const program = runProgram(['serve', '--port', '0', '--data-dir', folder], {
    env: {
      ...Object.fromEntries(settings.map(([name, value]) => [`AIGATEWAY_${name}`, value])),
      NODE_OPTIONS: [options.nodeOptions ?? '', options.canCollect === true ? `--import=${collecting}` : ''].join(' '),
    },
  });
  begun.use(program);
  const url = await program.url;
  watch.listen(url);
  const client = clientOf(url, options.settings?.ADMIN_TOKEN, watch);
  await setUp(client, mock, options.keys);
  begun.defer(async () => {
    await watch.takeMetrics(url);
    watch.takeFolder(folder);
    watch.take('the log', program.output() + program.errors());
    program.process.kill('SIGTERM');
  });
  const parts = begun.move();
  return {
    url,
    folder,
    mock,
    program,
    ...client,
    requestLines: () => requestLines(program.output()),
    memory(row) {
      const status = readFileSync(`/proc/${program.process.pid}/status`, 'utf8');
      return Number(new RegExp(`^${row}:\\s+(\\d+) kB$`, 'mu').exec(status)?.[1]) * 1024;
    },
    async held() {
      const said = program.errors().length;
      program.process.kill('SIGUSR2');
      let left: string | undefined;
      await eventually(
        'the garbage is collected',
        () => {
          left = /^collected, (\d+) bytes left$/mu.exec(program.errors().slice(said))?.[1];
          return left !== undefined;
        },
        60_000,
      );
      return Number(left);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

function requestLines(output: string): RequestLine[] {
  return output.split('\n').flatMap((line) => {
    if (!line.includes('"msg":"request"')) return [];
    return [JSON.parse(line) as RequestLine];
  });
}
