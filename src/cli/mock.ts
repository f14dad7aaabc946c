// `aigateway mock`: runs the fake OpenAI.
import { readFileSync } from 'node:fs';
import { wholeNumber } from '../lib/whole-number.ts';
import { parseScript } from '../mock/script.ts';
import { startMock } from '../mock/server.ts';
import { CommandError, UsageError, type Command } from './command.ts';

export const mock: Command = {
  name: 'mock',
  summary: 'Runs a fake OpenAI: real answers, streams, limits and faults, offline and free.',
  usage: '',
  options: {
    port: { value: 'PORT', meaning: 'Port to listen on; 0 picks a free one. Default: 8081.' },
    host: { value: 'HOST', meaning: 'Address to listen on. Default: 127.0.0.1.' },
    script: { value: 'FILE', meaning: 'JSON file with keys, their limits and their faults.' },
  },
  settings: [],
  notes: `Any key that starts with sk- is good. The model gpt-fault-<name> or the key sk-fault-<name> brings a
fault: GET /__faults lists them all.
What was asked of it stands at GET /__journal.
Any key that starts with sk-admin- reads its books of usage and costs: GET /v1/organization/costs.`,
  async run({ options }) {
    const port = wholeNumber(options['port'] ?? '8081');
    if (port === undefined || port > 65_535) throw new UsageError('--port must be a whole number from 0 to 65535');
    const script = options['script'] === undefined ? undefined : readScript(options['script']);
    const running = await startMock({
      port,
      host: options['host'] ?? '127.0.0.1',
      ...(script !== undefined && { script }),
    }).catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(
        error.code === 'EADDRINUSE' ? `port ${port} is in use; choose another with --port` : error.message,
      );
    });
    process.stdout.write(`listening on ${running.url}\n`);
    await new Promise<void>((resolve) => {
      process.once('SIGTERM', resolve);
      process.once('SIGINT', resolve);
    });
    await running.close();
  },
};

function readScript(file: string): ReturnType<typeof parseScript> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`the script ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    return parseScript(text);
  } catch (error) {
    throw new CommandError(`the script ${file}: ${(error as Error).message}`);
  }
}
