// The table that chaos prints: scenario, what the client saw, attempts, duplicates, verdict, and below it what went wrong.
import type { Played } from './run.ts';

const headings = ['scenario', 'what the client saw', 'attempts', 'duplicates', 'verdict'] as const;

/** The table as text. */
export function reportText(all: readonly Played[]): string {
  const rows = [headings, ...all.map(rowOf)];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === headings.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ');
  const [first = [], ...others] = rows;
  const failed = all.filter(({ verdict }) => verdict === 'failed');
  return [
    line(first),
    line(widths.map((width) => '─'.repeat(width))),
    ...others.map(line),
    '',
    ...failed.flatMap((played) => played.problems.map((problem) => `✗ ${nameOf(played)}: ${problem}`)),
    failed.length === 0 ? `All ${all.length} are ok.` : `${failed.length} of ${all.length} failed.`,
    '',
  ].join('\n');
}

/** A scenario with its mode. */
export function nameOf({ scenario, mode }: Pick<Played, 'scenario' | 'mode'>): string {
  return `${scenario}, ${mode}`;
}

function rowOf(played: Played): string[] {
  const { clientSaw, attempts, requests, duplicates, verdict } = played;
  const count = requests > 1 ? `${attempts} (${requests} requests)` : String(attempts);
  return [nameOf(played), clientSaw, count, String(duplicates), verdict];
}

/** The same for programs. */
export function reportJson(model: string, all: readonly Played[]): string {
  const rows = all.map(({ scenario, mode, clientSaw, requests, attempts, duplicates, verdict, problems }) => ({
    scenario,
    mode,
    client_saw: clientSaw,
    requests,
    attempts,
    duplicates,
    verdict,
    problems,
  }));
  return `${JSON.stringify({ model, scenarios: rows }, null, 2)}\n`;
}
