// What a command of the command line is, how its arguments are read, and how its help looks.
import { parseArgs } from 'node:util';
import {
  environmentPrefix,
  flagOf,
  readSettings,
  settingsTable,
  shownDefault,
  type SettingName,
  type Settings,
} from '../core/settings.ts';

/** The command was called in a way that it does not understand: exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not do what it was asked; the message is for the person who called: exit 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** One option of a command. */
export interface Option {
  /** What stands for its value in the help; absent for a switch. */
  readonly value?: string;
  readonly meaning: string;
}

/** What a command is run with. */
export interface Call {
  readonly options: Readonly<Record<string, string | undefined>>;
  readonly switches: ReadonlySet<string>;
  readonly arguments: readonly string[];
  /** The settings, from flags and environment. */
  readonly settings: Settings;
}

/** One command. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The arguments after the name, as the help shows them. */
  readonly usage: string;
  readonly options: Readonly<Record<string, Option>>;
  /** The settings that it takes as flags. */
  readonly settings: readonly SettingName[];
  /** Further words for its help. */
  readonly notes?: string;
  /** Resolves with the exit code, or with nothing for 0. */
  readonly run: (call: Call) => Promise<number | void>;
}

/** One of several things that a command does. */
export interface Action<Run> {
  /** What stands for the argument behind its name; absent where it takes none. */
  readonly argument?: string;
  readonly run: Run;
}

/** The action that the first argument names; throws a `UsageError` where there is none, or more is given than it takes. */
export function chooseAction<Run>(
  command: string,
  actions: Readonly<Record<string, Action<Run>>>,
  [name = '', ...given]: readonly string[],
): Run {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action === undefined) {
    const all = Object.entries(actions).map(([known, { argument }]) => [known, argument ?? ''].join(' ').trimEnd());
    throw new UsageError(`say what to do: aigateway ${command} ${all.join(' | ')}`);
  }
  const { argument, run } = action;
  if (given.length <= (argument === undefined ? 0 : 1)) return run;
  // What was given is not repeated: it may be a key.
  const takes = argument === undefined ? 'no argument' : `one ${argument}, in quotes where it has a space in it`;
  throw new UsageError(`aigateway ${command} ${name} takes ${takes}; see "aigateway ${command} --help"`);
}

/** Reads the arguments of a command; throws a `UsageError` or a `SettingError`. */
export function readCall(command: Command, args: readonly string[]): Call {
  const flags = Object.fromEntries(command.settings.map((name) => [flagOf(name).slice(2), name]));
  const known = [
    ...Object.keys(flags).map((flag) => [flag, { type: 'string' as const }] as const),
    ...Object.entries(command.options).map(
      ([name, { value }]) =>
        [name, { type: value === undefined ? ('boolean' as const) : ('string' as const) }] as const,
    ),
  ];
  const { values, positionals } = parse(command, args, Object.fromEntries(known));
  const given: Partial<Record<string, string>> = {};
  const options: Partial<Record<string, string>> = {};
  const switches = new Set<string>();
  for (const [name, value] of Object.entries(values)) {
    const setting = flags[name];
    if (typeof value !== 'string') switches.add(name);
    else if (setting === undefined) options[name] = value;
    else given[setting] = value;
  }
  return { options, switches, arguments: positionals, settings: readSettings(given, process.env) };
}

function parse(command: Command, args: readonly string[], options: Record<string, { type: 'string' | 'boolean' }>) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: command.usage !== '', strict: true });
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/\. (?=To )|\n/u);
    throw new UsageError(`${sentence.replace(/\.$/u, '')}; see "aigateway ${command.name} --help"`);
  }
}

const width = 100;

/** The help of a command. */
export function helpOf(command: Command): string {
  const call = ['aigateway', command.name, command.usage, '[options]'].filter((word) => word !== '').join(' ');
  const options = Object.entries(command.options).map(([name, { value, meaning }]) => [
    `--${name}${value === undefined ? '' : ` ${value}`}`,
    meaning,
  ]);
  const settings = command.settings.map((name) => {
    return [`${flagOf(name)} VALUE`, plain(`${settingsTable[name].meaning} Default: ${shownDefault(name)}.`)];
  });
  const sections = [
    `${command.summary}\n\nUsage: ${call}`,
    ...(options.length === 0 ? [] : [`Options:\n${table(options)}`]),
    ...(settings.length === 0
      ? []
      : [`Settings (each also as ${environmentPrefix}NAME in the environment; a flag wins):\n${table(settings)}`]),
    ...(command.notes === undefined ? [] : [command.notes]),
  ];
  return `${plain(sections.join('\n\n'))}\n`;
}

/** What is written for a page, as a terminal shows it: a link to another page becomes that page's place. */
function plain(text: string): string {
  return text.replaceAll(/\[[^\]]*\]\(([\w-]+\.md)(?:#[^)]*)?\)/gu, 'docs/$1').replaceAll('`', '');
}

/** Two columns, the right one wrapped. */
export function table(rows: readonly (readonly string[])[]): string {
  const left = Math.max(...rows.map(([name = '']) => name.length)) + 4;
  return rows
    .map(
      ([name = '', meaning = '']) =>
        `  ${name.padEnd(left - 2)}${wrap(meaning, width - left).join(`\n${' '.repeat(left)}`)}`,
    )
    .join('\n');
}

/** What others may have written, in one line without anything that a terminal obeys. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** Rows of cells, each column as wide as its widest cell. */
export function columns(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(harmless));
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function wrap(text: string, columns: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + word.length >= columns) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}
