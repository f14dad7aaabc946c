// `aigateway reconcile`: the ledger of a running gateway beside the provider's own books, day by day and model by model.
import { columns, UsageError, type Call, type Command } from './command.ts';
import { callManagement, clientSettings } from './management-client.ts';
import { readSecret } from './secret-input.ts';

interface Side {
  readonly requests: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cost_usd: string | null;
}

interface Sides {
  readonly ours: Side;
  readonly theirs: Side;
  readonly difference: Side;
}

interface Line extends Sides {
  readonly day: string;
  readonly model: string;
  readonly reasons: readonly { readonly message: string }[];
}

interface Books {
  readonly provider_id: string;
  readonly key_holder: string | null;
  readonly account_ids: readonly string[];
  readonly lines: readonly Line[];
  readonly total: Sides;
  readonly differing_lines: number;
}

interface Answer {
  readonly from: string;
  readonly to: string;
  readonly books: readonly Books[];
  readonly not_compared: readonly { readonly account_id: string; readonly calls: number }[];
}

const dayMs = 86_400_000;
/** Today and so many days before, where no day is given. */
const daysBefore = 6;

export const reconcile: Command = {
  name: 'reconcile',
  summary: "Compares a running gateway's ledger with the provider's own usage and costs, and names the likely reasons.",
  usage: '',
  options: {
    from: { value: 'DAY', meaning: 'The first day, UTC: 2026-01-31. Default: six days before today.' },
    to: { value: 'DAY', meaning: 'The day after the last. Default: tomorrow, so that today is the last.' },
    provider: { value: 'ID', meaning: 'Whose books. Default: of every provider that an account has an admin key for.' },
    'admin-key-variable': { value: 'NAME', meaning: 'Take an admin key for this once from an environment variable.' },
    'admin-key-stdin': { meaning: 'Take an admin key for this once from standard input.' },
    json: { meaning: "Print the gateway's own JSON." },
  },
  settings: clientSettings,
  notes: `An admin key reads the books of a whole organization. Give it to one of its accounts once,
  aigateway accounts admin-key ACCOUNT < admin-key.txt
or to this command, never on the command line, where others could read it:
  aigateway reconcile --from 2026-01-01 --to 2026-02-01 --admin-key-variable OPENAI_ADMIN_KEY
The exit code is 1 where there is a difference that is more than rounding.`,
  run,
};

async function run({ options, switches, settings }: Call): Promise<number> {
  const answer = await callManagement<Answer>(settings, 'POST', '/reconcile', {
    from: options['from'] ?? new Date(Date.now() - daysBefore * dayMs).toISOString().slice(0, 10),
    ...(options['to'] !== undefined && { to: options['to'] }),
    ...(options['provider'] !== undefined && { provider_id: options['provider'] }),
    ...(await adminKeyOf({ options, switches })),
  });
  if (switches.has('json')) process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  else process.stdout.write(textOf(answer));
  return answer.books.every((books) => books.differing_lines === 0) ? 0 : 1;
}

async function adminKeyOf({ options, switches }: Pick<Call, 'options' | 'switches'>): Promise<{ admin_key?: string }> {
  const variable = options['admin-key-variable'];
  const isPiped = switches.has('admin-key-stdin');
  if (variable !== undefined && isPiped)
    throw new UsageError('--admin-key-variable and --admin-key-stdin are two ways for one key');
  if (variable === undefined && !isPiped) return {};
  return { admin_key: (await readSecret('Admin key (nothing is shown while you type): ', variable)).reveal() };
}

function textOf({ from, to, books, not_compared: left }: Answer): string {
  const last = new Date(Date.parse(`${to}T00:00:00Z`) - dayMs).toISOString().slice(0, 10);
  const sections = books.map((one) => {
    const count = one.account_ids.length;
    const whose = `${one.provider_id}, ${count === 1 ? '1 account' : `${count} accounts`}, ${from} to ${last} (UTC)`;
    return `${whose}\n${tableOf(one)}${verdictOf(one)}\n`;
  });
  const lost = left.map(
    ({ account_id: id, calls }) => `not compared: ${calls} calls of ${id}, for which no admin key speaks\n`,
  );
  return sections.join('\n') + lost.join('');
}

const head = ['DAY', 'MODEL', '', 'REQUESTS', 'INPUT', 'OUTPUT', 'USD', 'LIKELY REASON'];

/** Three rows where a line differs: ours, theirs and the difference; one where the two agree. */
function tableOf({ lines, total }: Books): string {
  if (lines.length === 0) return 'neither side has any calls\n';
  const rows = [...lines, { day: 'total', model: '', reasons: [], ...total }].flatMap(rowsOf);
  return columns([head, ...rows]);
}

function rowsOf({ day, model, ours, theirs, difference, reasons }: Line): string[][] {
  const isAlike = [difference.requests, difference.input_tokens, difference.output_tokens].every((n) => n === 0);
  if (isAlike && ours.cost_usd === theirs.cost_usd) return [[day, model, 'both', ...cellsOf(ours), '']];
  const [first, ...others] = reasons.map(({ message }) => message);
  const [second = '', ...rest] = others;
  return [
    [day, model, 'ours', ...cellsOf(ours), first ?? ''],
    ['', '', 'theirs', ...cellsOf(theirs), second],
    ['', '', 'differ by', ...cellsOf(difference), rest[0] ?? ''],
    ...rest.slice(1).map((message) => ['', '', '', '', '', '', '', message]),
  ];
}

function cellsOf(side: Side): string[] {
  return [String(side.requests), String(side.input_tokens), String(side.output_tokens), side.cost_usd ?? '-'];
}

function verdictOf({ differing_lines: count, lines }: Books): string {
  if (count === 0) return 'the ledger and the books agree';
  return `${count} of ${lines.length} lines differ`;
}
