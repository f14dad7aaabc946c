// `aigateway worker`: one of several gateways behind one port; `serve` starts it, nobody else.
import type { SettingName } from '../core/settings.ts';
import { settingsTable } from '../core/settings.ts';
import { systemClock } from '../lib/clock.ts';
import { tendMemory, tendRequests } from '../lib/process-memory.ts';
import { startGateway } from '../main.ts';
import { openChannel, Seat } from '../workers/siblings.ts';
import { CommandError, type Command } from './command.ts';
import { listenForStraySignals } from './signals.ts';

export const worker: Command = {
  name: 'worker',
  summary: 'Runs one of the gateways of "aigateway serve --workers NUMBER", which starts it.',
  usage: '',
  options: {},
  settings: Object.keys(settingsTable) as SettingName[],
  async run({ settings }) {
    if (process.send === undefined)
      throw new CommandError('a worker is started by "aigateway serve --workers NUMBER", and not by hand');
    tendMemory(systemClock);
    const told = Promise.withResolvers<void>();
    // On a terminal all get the signal; the supervisor passes it on.
    process.on('SIGINT', () => {});
    listenForStraySignals(() => {});
    process.on('SIGTERM', told.resolve);
    const channel = openChannel();
    const seat = await Seat.take(channel, systemClock, told.resolve);
    try {
      const own = { ...settings, PORT: seat.port };
      const gateway = await startGateway(own, (url) => seat.ready(url), { siblings: seat });
      const endTending = tendRequests(systemClock, gateway.underWay);
      await told.promise;
      endTending();
      await gateway.stop();
    } finally {
      channel.close();
    }
  },
};
