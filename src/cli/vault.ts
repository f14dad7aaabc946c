// `aigateway vault`: changes the master key while the gateway runs, and tells which key seals what.
import type { Settings } from '../core/settings.ts';
import { systemClock } from '../lib/clock.ts';
import { openExistingStorage, openStorageAsItIs } from '../storage/open-storage.ts';
import { AuditTrail } from '../management/audit-trail.ts';
import { countByKey, rotateMasterKey } from '../management/master-key-rotation.ts';
import type { Storage } from '../storage/storage.ts';
import { masterKeyFile, openVault, openVaultAsItIs, proofIn, VaultError, type Vault } from '../vault/vault.ts';
import { chooseAction, columns, type Action, type Call, type Command } from './command.ts';

type Run = (call: Call) => Promise<number>;

const actions: Readonly<Record<string, Action<Run>>> = { rotate: { run: rotate }, status: { run: status } };

export const vault: Command = {
  name: 'vault',
  summary: 'Changes the master key while the gateway runs, and tells which key seals what.',
  usage: 'rotate|status',
  options: {},
  settings: ['DATA_DIR', 'DATABASE_URL', 'ENCRYPTION_KEY'],
  notes: `rotate, with DATA_DIR/master.key: makes a new key, seals every account key with it, and takes the old key
out of the file. Nothing need be restarted.
rotate, with ENCRYPTION_KEY: first restart every gateway with ENCRYPTION_KEY=new,old, then rotate with the
same value, then restart with the new key alone.
It can be broken off at any moment and run again. Backups made before need the old key: keep it as long as
you keep them.`,
  run: (call) => chooseAction('vault', actions, call.arguments)(call),
};

async function rotate({ settings }: Call): Promise<number> {
  const { ENCRYPTION_KEY, DATA_DIR } = settings;
  return withStorage(await openExistingStorage(settings), async (storage) =>
    rotateIn(settings, storage, await openVault(ENCRYPTION_KEY, DATA_DIR, proofIn(storage))),
  );
}

/** It only looks: no schema is changed for it, and no key made. */
async function status({ settings }: Call): Promise<number> {
  const { ENCRYPTION_KEY, DATA_DIR } = settings;
  return withStorage(await openStorageAsItIs(settings), async (storage) => {
    const opened = await openVaultAsItIs(ENCRYPTION_KEY, DATA_DIR, proofIn(storage));
    if (opened === undefined) throw new VaultError('there is no master key yet: the first start makes it');
    return statusOf(storage, opened);
  });
}

async function withStorage(storage: Storage, work: (storage: Storage) => Promise<number>): Promise<number> {
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

async function rotateIn(settings: Settings, storage: Storage, opened: Vault): Promise<number> {
  const keyFile = settings.ENCRYPTION_KEY === undefined ? masterKeyFile(settings.DATA_DIR) : undefined;
  const total = [...(await countByKey(storage)).values()].reduce((sum, count) => sum + count, 0);
  const parts = { storage, vault: opened, trail: await AuditTrail.open(storage, systemClock), keyFile };
  const author = { actor: 'command_line', peer: null, method: null, path: 'aigateway vault rotate', request_id: null };
  const { keyId, resealed, unreadable, left } = await rotateMasterKey(parts, author, (done) =>
    say(`${done} of ${total} account keys are sealed anew`),
  );
  for (const [id, why] of unreadable) say(`account ${id} is left as it was: ${why}`);
  if (left > 0) {
    say(`key ${keyId} seals all but ${left} account keys: keep the old key, see to these and run this again`);
    return 1;
  }
  say(`key ${keyId} seals all ${total} account keys`);
  if (keyFile !== undefined) say(`${keyFile} holds this key alone`);
  else if (resealed === 0) say('to change it, put a new key before the old one: ENCRYPTION_KEY=new,old');
  else say('ENCRYPTION_KEY may be its first key alone from the next start on');
  return 0;
}

async function statusOf(storage: Storage, opened: Vault): Promise<number> {
  const [first, ...others] = opened.keyIds();
  const counts = await countByKey(storage);
  const ids = new Set([first, ...others, ...counts.keys()]);
  const meaning = (id: string): string => {
    if (id === first) return 'seals what is new';
    if (others.includes(id)) return 'older: "aigateway vault rotate" seals these anew';
    return id === '' ? 'not sealed by aigateway' : 'not at hand: these accounts cannot be used';
  };
  const rows = [...ids].map((id) => [id === '' ? '(none)' : id, String(counts.get(id) ?? 0), meaning(id)]);
  process.stdout.write(columns([['KEY', 'ACCOUNTS', ''], ...rows]));
  return [...ids].every((id) => id === first || others.includes(id)) ? 0 : 1;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
