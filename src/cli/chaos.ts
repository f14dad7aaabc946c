// `aigateway chaos`: plays the failure scenarios against a copy of the configuration and prints what came of each.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nameOf, reportJson, reportText } from '../chaos/report.ts';
import { startRig } from '../chaos/rig.ts';
import { playAll, type Played } from '../chaos/run.ts';
import type { Scenario } from '../chaos/scenario.ts';
import { scenarios } from '../chaos/table.ts';
import { emptyConfiguration, templateOf, type Template } from '../chaos/template.ts';
import type { Settings } from '../core/settings.ts';
import { databaseFile, openStorageAsItIs } from '../storage/open-storage.ts';
import { CommandError, UsageError, type Command } from './command.ts';

export const chaos: Command = {
  name: 'chaos',
  summary: 'Plays the failure scenarios against your routes, with a fake OpenAI behind them.',
  usage: '',
  options: {
    model: { value: 'NAME', meaning: "Model to ask for. Default: the first provider's first supported model." },
    scenario: { value: 'TEXT', meaning: 'Only scenarios with this text in their name.' },
    list: { meaning: 'Lists the scenarios and plays none.' },
    json: { meaning: 'Prints the table as JSON.' },
  },
  settings: ['DATA_DIR', 'DATABASE_URL'],
  notes: `It takes over providers and routes from the database, never a key, and changes nothing there. Each
scenario gets a gateway of its own with fake upstreams and fake keys: no byte leaves this machine.
It exits with 1 when a verdict is not ok.`,
  async run({ options, switches, settings }) {
    const chosen = choose(options['scenario']);
    if (switches.has('list')) {
      for (const { name, modes } of chosen) process.stdout.write(`${name} (${modes.join(', ')})\n`);
      return 0;
    }
    const template = await readTemplate(settings, options['model']);
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-chaos-'));
    const clear = (): void => rmSync(folder, { recursive: true, force: true });
    const interrupt = (): void => {
      clear();
      process.exit(130);
    };
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    try {
      const all = await playAll(chosen, {
        start: (scene) => startRig(template, scene, folder),
        onPlayed: showProgress,
      });
      process.stdout.write(switches.has('json') ? reportJson(template.model, all) : `\n${reportText(all)}`);
      return all.every(({ verdict }) => verdict === 'ok') ? 0 : 1;
    } finally {
      clear();
    }
  },
};

function choose(text = ''): readonly Scenario[] {
  const chosen = scenarios.filter(({ name }) => name.toLowerCase().includes(text.toLowerCase()));
  if (chosen.length === 0) throw new UsageError(`no scenario has "${text}" in its name; --list shows them all`);
  return chosen;
}

/** One consistent reading of the database; where there is none yet, what a fresh gateway has. */
async function readTemplate(settings: Settings, model: string | undefined): Promise<Template> {
  const isThere = settings.DATABASE_URL.kind === 'postgres' || existsSync(databaseFile(settings));
  const rows = isThere ? await readRows(settings) : emptyConfiguration;
  const template = templateOf(rows, model);
  if (template === undefined)
    throw new CommandError(
      `no route leads from the model "${model ?? ''}" to an active provider; choose one with --model`,
    );
  for (const problem of template.problems) process.stderr.write(`left out: ${problem}\n`);
  const { target } = template;
  process.stderr.write(
    `asking for the model "${template.model}": ${target.because} → ${target.provider.id}, ${target.fallbacks.length} fallbacks\n`,
  );
  return template;
}

async function readRows(
  settings: Settings,
): ReturnType<Awaited<ReturnType<typeof openStorageAsItIs>>['readConfiguration']> {
  const storage = await openStorageAsItIs(settings);
  try {
    return await storage.readConfiguration();
  } finally {
    await storage.close();
  }
}

/** On a terminal one line that changes, elsewhere a line each; never on standard output, which is for the table. */
function showProgress(played: Played, done: number, total: number): void {
  const text = `${String(done).padStart(String(total).length)}/${total} ${played.verdict.padEnd(6)} ${nameOf(played)}`;
  const { isTTY, columns } = process.stderr;
  if (!isTTY) process.stderr.write(`${text}\n`);
  else process.stderr.write(`\r\u001b[K${done === total ? '' : text.slice(0, columns - 1)}`);
}
