// `aigateway serve`: runs the gateway, or several behind one port, until it is told to stop.
import { createServer } from 'node:net';
import type { SettingName, Settings } from '../core/settings.ts';
import { settingsTable } from '../core/settings.ts';
import { systemClock } from '../lib/clock.ts';
import { tendMemory, tendRequests } from '../lib/process-memory.ts';
import type { Command } from './command.ts';
import { listenForStraySignals } from './signals.ts';

/** What runs until it is told to stop. */
interface Running {
  /** Resolves with the exit code when all has ended. */
  readonly ended: Promise<number>;
  readonly stop: () => void;
  /** The second signal: at once. */
  readonly kill: () => void;
}

export const serve: Command = {
  name: 'serve',
  summary: 'Runs the gateway (the default command).',
  usage: '',
  options: {},
  settings: Object.keys(settingsTable) as SettingName[],
  notes: 'SIGTERM, SIGINT or SIGHUP lets running requests finish; a second SIGTERM or SIGINT ends at once.',
  async run({ settings }) {
    // Listened for before the start: a signal that comes while it starts is kept, not lost.
    let running: Running | undefined;
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) {
        running?.kill();
        process.exit(1);
      }
      isStopping = true;
      running?.stop();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    listenForStraySignals(() => {
      if (!isStopping) stop();
    });
    if (process.env['npm_lifecycle_event'] !== undefined) stopWithParent(stop);
    tendMemory(systemClock);
    running = settings.WORKERS === 1 ? await startOne(settings) : await startWorkers(settings);
    if (isStopping) running.stop();
    return running.ended;
  },
};

const announce = (url: string): void => void process.stdout.write(`listening on ${url}\n`);

async function startOne(settings: Settings): Promise<Running> {
  // Who only supervises has no gateway in its memory.
  const { startGateway } = await import('../main.ts');
  const gateway = await startGateway(settings, announce);
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>();
  const endTending = tendRequests(systemClock, gateway.underWay);
  const stop = async (): Promise<number> => {
    endTending();
    await gateway.stop();
    return 0;
  };
  return { ended, stop: () => void stop().then(resolve, reject), kill: () => {} };
}

async function startWorkers(settings: Settings): Promise<Running> {
  const [{ listen }, { prepareForks }, { Supervisor }, { supervisorLine }] = await Promise.all([
    import('../http/listen.ts'),
    import('../workers/fork.ts'),
    import('../workers/supervisor.ts'),
    import('../workers/supervisor-log.ts'),
  ]);
  if (settings.PORT !== 0) {
    // Workers share their port, and so would a second start that nobody wanted.
    const alone = createServer();
    await listen(alone, settings);
    await new Promise((resolve) => alone.close(resolve));
  }
  const [first, ...rest] = process.argv.slice(2);
  const flags = first === undefined || first === 'serve' ? rest : [first, ...rest];
  const supervisor = new Supervisor({
    count: settings.WORKERS,
    port: settings.PORT,
    fork: prepareForks(['worker', ...flags]),
    clock: systemClock,
    announce,
    log: (level, message, members) =>
      process.stdout.write(supervisorLine(settings, process.stdout.isTTY, Date.now(), { level, message, members })),
  });
  return { ended: supervisor.run(), stop: () => supervisor.stop(), kill: () => supervisor.kill() };
}

/** Under `npm start` a shell stands between npm and us, and dies of npm's signal without passing it on: its end is our signal. */
function stopWithParent(stop: () => void): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop();
  }, 250);
  watch.unref();
}
