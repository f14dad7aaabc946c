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
    const gateway = await startGateway(settings, (url) => process.stdout.write(`listening on ${url}\n`));
    await new Promise<void>((resolve) => {
      let isStopping = false;
      const stop = (): void => {
        if (isStopping) process.exit(1);
        isStopping = true;
        resolve();
      };
      process.on('SIGTERM', stop);
      process.on('SIGINT', stop);
    });
    await gateway.stop();
  },
};
