// `aigateway accounts`: adds, lists, tests and switches accounts of a running gateway.
import type { Settings } from '../core/settings.ts';
import {
  chooseAction,
  columns,
  CommandError,
  harmless,
  UsageError,
  type Action,
  type Call,
  type Command,
} from './command.ts';
import { callManagement, clientSettings, readList } from './management-client.ts';
import { readSecret } from './secret-input.ts';

interface AccountAnswer {
  readonly id: string;
  readonly provider_id: string;
  readonly label: string;
  readonly auth_data: Readonly<Record<string, string>>;
  readonly is_active: boolean;
  readonly health: { readonly status: string; readonly reason: string | null; readonly until: string | null };
}

interface TestAnswer {
  readonly ok: boolean;
  readonly models: readonly string[];
  readonly message: string | null;
}

/** The name that `auth_data` has for the key to the provider's books. */
const adminKeyField = 'admin_key';

const argument = 'ACCOUNT';

const actions: Readonly<Record<string, Action<(call: Call) => Promise<number | void>>>> = {
  add: { run: add },
  list: { run: list },
  test: { argument, run: test },
  'admin-key': { argument, run: setAdminKey },
  disable: { argument, run: (call) => setActive(call, false) },
  enable: { argument, run: (call) => setActive(call, true) },
};

export const accounts: Command = {
  name: 'accounts',
  summary: 'Adds, lists, tests and switches accounts of a running gateway.',
  usage: 'add|list|test|admin-key|disable|enable [ACCOUNT]',
  options: {
    label: { value: 'TEXT', meaning: 'add: what the account is called. Needed.' },
    provider: { value: 'ID', meaning: 'add: the provider it belongs to. Default: openai.' },
    'key-variable': {
      value: 'NAME',
      meaning: 'add, admin-key: take the key from this environment variable instead of standard input.',
    },
    organization: { value: 'ID', meaning: 'add: send this OpenAI-Organization with every request.' },
    project: { value: 'ID', meaning: 'add: send this OpenAI-Project with every request.' },
    json: { meaning: "list, test: print the gateway's own JSON." },
  },
  settings: clientSettings,
  notes: `ACCOUNT is an id or a label; test without one tests all.
A key is never given on the command line, where others could read it:
  aigateway accounts add --label "Team A" < key.txt
  aigateway accounts add --label "Team A" --key-variable OPENAI_API_KEY
admin-key gives an account the key that "aigateway reconcile" reads the provider's own books with:
  aigateway accounts admin-key "Team A" < admin-key.txt`,
  run: (call) => chooseAction('accounts', actions, call.arguments)(call),
};

async function add({ options, settings }: Call): Promise<void> {
  const { label, provider = 'openai', organization, project } = options;
  if (label === undefined) throw new UsageError('an account needs a name: --label TEXT');
  const key = await readSecret(`API key for "${label}" (nothing is shown while you type): `, options['key-variable']);
  const account = await callManagement<AccountAnswer>(settings, 'POST', '/accounts', {
    provider_id: provider,
    label,
    auth_data: { api_key: key.reveal() },
    ...(organization !== undefined && { organization }),
    ...(project !== undefined && { project }),
  });
  process.stdout.write(
    `added ${account.id} "${account.label}" (${shownKey(account)}); check it with: aigateway accounts test ${account.id}\n`,
  );
}

async function list({ settings, switches }: Call): Promise<void> {
  const all = await readList<AccountAnswer>(settings, '/accounts');
  if (switches.has('json')) {
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  if (all.length === 0) {
    process.stdout.write('no accounts yet; add one with: aigateway accounts add --label TEXT\n');
    return;
  }
  const rows = all.map((account) => {
    const { status, reason, until } = account.health;
    const why = [reason, until && `until ${until}`].filter((part) => part !== null && part !== '').join(', ');
    return [account.id, account.provider_id, shownKey(account), status, account.label, why];
  });
  process.stdout.write(columns([['ACCOUNT', 'PROVIDER', 'KEY', 'STATUS', 'LABEL', 'WHY'], ...rows]));
}

async function test({ settings, switches, arguments: [, wanted] }: Call): Promise<number> {
  const chosen =
    wanted === undefined ? await readList<AccountAnswer>(settings, '/accounts') : [await findAccount(settings, wanted)];
  if (chosen.length === 0) throw new CommandError('there are no accounts to test');
  let failures = 0;
  for (const account of chosen) {
    const result = await callManagement<TestAnswer>(settings, 'POST', `/accounts/${account.id}/test`, {});
    if (!result.ok) failures += 1;
    const verdict = result.ok ? `ok, ${result.models.length} models` : `failed: ${result.message}`;
    process.stdout.write(
      switches.has('json')
        ? `${JSON.stringify({ id: account.id, ...result })}\n`
        : `${harmless(`${account.id} "${account.label}": ${verdict}`)}\n`,
    );
  }
  return failures === 0 ? 0 : 1;
}

async function setActive({ settings, arguments: [name, wanted] }: Call, isActive: boolean): Promise<void> {
  if (wanted === undefined) throw new UsageError(`say which account: aigateway accounts ${name} ACCOUNT`);
  const account = await findAccount(settings, wanted);
  await callManagement(settings, 'PATCH', `/accounts/${account.id}`, { is_active: isActive });
  process.stdout.write(`${account.id} "${account.label}" is now ${isActive ? 'enabled' : 'disabled'}\n`);
}

async function setAdminKey({ options, settings, arguments: [, wanted] }: Call): Promise<void> {
  if (wanted === undefined) throw new UsageError('say which account: aigateway accounts admin-key ACCOUNT');
  const account = await findAccount(settings, wanted);
  const prompt = `Admin key for "${account.label}" (nothing is shown while you type): `;
  const key = await readSecret(prompt, options['key-variable']);
  const body = { auth_data: { [adminKeyField]: key.reveal() } };
  const changed = await callManagement<AccountAnswer>(settings, 'PATCH', `/accounts/${account.id}`, body);
  process.stdout.write(
    `${account.id} "${account.label}" has the admin key ${changed.auth_data[adminKeyField] ?? '…'}; compare the books with: aigateway reconcile\n`,
  );
}

async function findAccount(settings: Settings, wanted: string): Promise<AccountAnswer> {
  const found = (await readList<AccountAnswer>(settings, '/accounts')).filter(
    ({ id, label }) => id === wanted || label === wanted,
  );
  const [account, another] = found;
  if (account === undefined)
    throw new CommandError(`there is no account "${wanted}"; "aigateway accounts list" shows them`);
  if (another !== undefined) throw new CommandError(`several accounts are called "${wanted}"; use the id`);
  return account;
}

function shownKey(account: AccountAnswer): string {
  return Object.entries(account.auth_data).find(([field]) => field !== adminKeyField)?.[1] ?? '…';
}
