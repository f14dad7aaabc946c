// `aigateway serve`: runs the gateway until it is told to stop.
import type { SettingName } from '../core/settings.ts';
import { settingsTable } from '../core/settings.ts';
import { startGateway } from '../main.ts';
import type { Command } from './command.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'Runs the gateway (the default command).',
  usage: '',
  options: {},
  settings: Object.keys(settingsTable) as SettingName[],
  notes: 'SIGTERM or SIGINT lets running requests finish; a second one ends at once.',
  async run({ settings }) {
    // Listened for before the start: a signal that comes while it starts is kept, not lost.
    const told = Promise.withResolvers<void>();
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) process.exit(1);
      isStopping = true;
      told.resolve();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    if (process.env['npm_lifecycle_event'] !== undefined) stopWithParent(stop);
    const gateway = await startGateway(settings, (url) => process.stdout.write(`listening on ${url}\n`));
    await told.promise;
    await gateway.stop();
  },
};

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
