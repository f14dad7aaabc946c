// `aigateway keys`: makes, lists, revokes and rotates the client keys of a running gateway.
import type { Settings } from '../core/settings.ts';
import { chooseAction, columns, CommandError, UsageError, type Action, type Call, type Command } from './command.ts';
import { callManagement, clientSettings, readList } from './management-client.ts';

interface KeyAnswer {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly models: readonly string[];
  readonly expires_at: string | null;
  readonly is_active: boolean;
  readonly revoked_at: string | null;
  readonly last_used_at: string | null;
}

interface ShownKeyAnswer extends KeyAnswer {
  readonly key: string;
}

const actions: Readonly<Record<string, Action<(call: Call) => Promise<void>>>> = {
  create: { run: create },
  list: { run: list },
  revoke: { argument: 'KEY', run: revoke },
  rotate: { argument: 'KEY', run: rotate },
};

export const keys: Command = {
  name: 'keys',
  summary: 'Makes, lists, revokes and rotates the client keys of a running gateway.',
  usage: 'create|list|revoke|rotate [KEY]',
  options: {
    name: { value: 'TEXT', meaning: 'create: what the key is called. Needed.' },
    models: {
      value: 'LIST',
      meaning: 'create: models that it may ask for, `*` for anything: "gpt-4*,o3". Default: all.',
    },
    rpm: { value: 'N', meaning: 'create: requests a minute.' },
    tpm: { value: 'N', meaning: 'create: tokens a minute.' },
    'max-concurrency': { value: 'N', meaning: 'create: requests at the same time.' },
    budget: { value: 'USD', meaning: 'create: money that it may spend: 25.00.' },
    period: {
      value: 'PERIOD',
      meaning: 'create: the budget is for each day, week or month. Default: none, once for all.',
    },
    'time-zone': { value: 'ZONE', meaning: "create: whose midnight begins the budget's period. Default: UTC." },
    'expires-at': { value: 'TIME', meaning: 'create: when it expires: 2027-01-31T12:00:00Z.' },
    'keep-transcripts': {
      meaning: 'create: keep what is asked with it and answered, 64 KiB of each. Default: keep nothing.',
    },
    'grace-period-ms': { value: 'N', meaning: 'rotate: how long the old key works on beside the new one. Default: 0.' },
    json: { meaning: "create, list, rotate: print the gateway's own JSON." },
  },
  settings: clientSettings,
  notes: `KEY is an id, a name, or the beginning that the list shows.
A new key is printed once, alone on standard output, and can be read nowhere afterwards:
  aigateway keys create --name "Team A" > key.txt`,
  run: (call) => chooseAction('keys', actions, call.arguments)(call),
};

async function create(call: Call): Promise<void> {
  const { options, settings, switches } = call;
  const { name, models, budget, period, 'time-zone': timeZone, 'expires-at': expiresAt } = options;
  if (name === undefined) throw new UsageError('a key needs a name: --name TEXT');
  if (budget === undefined && (period !== undefined || timeZone !== undefined))
    throw new UsageError('--period and --time-zone are about a budget: --budget USD');
  const made = await callManagement<ShownKeyAnswer>(settings, 'POST', '/keys', {
    name,
    ...(models !== undefined && { models: models.split(',').map((model) => model.trim()) }),
    rpm: numberOf(options, 'rpm') ?? null,
    tpm: numberOf(options, 'tpm') ?? null,
    max_concurrency: numberOf(options, 'max-concurrency') ?? null,
    ...(budget !== undefined && {
      budget: {
        amount: budget,
        ...(period !== undefined && { period }),
        ...(timeZone !== undefined && { time_zone: timeZone }),
      },
    }),
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    ...(switches.has('keep-transcripts') && { keeps_transcripts: true }),
  });
  show(call, made, `made ${made.id} "${made.name}"; this is the key, shown now and never again:`);
}

async function list({ settings, switches }: Call): Promise<void> {
  const all = await readList<KeyAnswer>(settings, '/keys');
  if (switches.has('json')) {
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  if (all.length === 0) {
    process.stdout.write('no client keys yet; make one with: aigateway keys create --name TEXT\n');
    return;
  }
  const rows = all.map((key) => [
    key.id,
    `${key.prefix}…`,
    statusOf(key),
    key.last_used_at ?? 'never',
    key.models.join(',') || '*',
    key.name,
  ]);
  process.stdout.write(columns([['ID', 'KEY', 'STATUS', 'LAST USED', 'MODELS', 'NAME'], ...rows]));
}

async function revoke({ settings, arguments: [, wanted] }: Call): Promise<void> {
  const { id, name } = await findKey(settings, wanted, 'revoke');
  await callManagement(settings, 'POST', `/keys/${id}/revoke`, {});
  process.stdout.write(`revoked ${id} "${name}" for good\n`);
}

async function rotate(call: Call): Promise<void> {
  const { settings, options, arguments: given } = call;
  const graceMs = numberOf(options, 'grace-period-ms') ?? 0;
  const { id, name } = await findKey(settings, given[1], 'rotate');
  const made = await callManagement<ShownKeyAnswer>(settings, 'POST', `/keys/${id}/rotate`, {
    grace_period_ms: graceMs,
  });
  const old = graceMs === 0 ? 'the old key is refused from now on' : `the old key works on for ${graceMs} ms`;
  show(call, made, `rotated ${id} "${name}", ${old}; this is the new key, shown now and never again:`);
}

/** The key alone goes to standard output, where a script takes it; what is said about it does not get in its way. */
function show({ switches }: Call, made: ShownKeyAnswer, sentence: string): void {
  if (switches.has('json')) {
    process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
    return;
  }
  process.stderr.write(`${sentence}\n`);
  process.stdout.write(`${made.key}\n`);
}

function statusOf(key: KeyAnswer): string {
  if (key.revoked_at !== null) return 'revoked';
  if (!key.is_active) return 'inactive';
  return key.expires_at !== null && Date.parse(key.expires_at) <= Date.now() ? 'expired' : 'active';
}

function numberOf(options: Call['options'], name: string): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/u.test(text)) throw new UsageError(`--${name} must be a whole number, not "${text}"`);
  return Number(text);
}

async function findKey(settings: Settings, wanted: string | undefined, action: string): Promise<KeyAnswer> {
  if (wanted === undefined) throw new UsageError(`say which key: aigateway keys ${action} KEY`);
  const found = (await readList<KeyAnswer>(settings, '/keys')).filter(({ id, name, prefix }) =>
    [id, name, prefix].includes(wanted.replace(/…$/u, '')),
  );
  const [key, another] = found;
  // Not what was asked for: it may be a whole key.
  if (key === undefined) throw new CommandError('there is no such client key; "aigateway keys list" shows them');
  if (another !== undefined) throw new CommandError('several client keys are called that; use the id');
  return key;
}
