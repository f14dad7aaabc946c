// `aigateway db`: brings the schema up to date, or writes a consistent copy, while the gateway runs or not.
import { existsSync } from 'node:fs';
import { openStorage } from '../main.ts';
import { CommandError, UsageError, type Call, type Command } from './command.ts';

const actions: Readonly<Record<string, (call: Call) => Promise<void>>> = { migrate, backup };

export const db: Command = {
  name: 'db',
  summary: 'Brings the database schema up to date, or writes a consistent copy of it.',
  usage: 'migrate | backup FILE',
  options: {},
  settings: ['DATA_DIR', 'DATABASE_URL'],
  notes: 'A copy holds the account keys encrypted: keep DATA_DIR/master.key with it, in another place.',
  run(call) {
    const action = actions[call.arguments[0] ?? ''];
    if (action === undefined) throw new UsageError('say what to do: aigateway db migrate, or aigateway db backup FILE');
    return action(call);
  },
};

async function migrate({ settings }: Call): Promise<void> {
  const storage = await openStorage(settings);
  await storage.close();
  process.stdout.write('the schema is up to date\n');
}

async function backup({ settings, arguments: [, file] }: Call): Promise<void> {
  if (file === undefined) throw new UsageError('say where to: aigateway db backup FILE');
  if (existsSync(file)) throw new CommandError(`${file} exists already; a backup never overwrites`);
  const storage = await openStorage(settings);
  try {
    await storage.backup(file);
  } finally {
    await storage.close();
  }
  process.stdout.write(`wrote ${file}\n`);
}
