// `aigateway vault`: changes the master key while the gateway runs, and tells which key seals what.
import { systemClock } from '../lib/clock.ts';
import { openExistingStorage } from '../storage/open-storage.ts';
import { AuditTrail } from '../management/audit-trail.ts';
import { countByKey, rotateMasterKey } from '../management/master-key-rotation.ts';
import type { Storage } from '../storage/storage.ts';
import { masterKeyFile, openVault, proofIn, type Vault } from '../vault/vault.ts';
import { chooseAction, columns, type Action, type Call, type Command } from './command.ts';

type Run = (call: Call, storage: Storage, vault: Vault) => Promise<number>;

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
  async run(call) {
    const run = chooseAction('vault', actions, call.arguments);
    const { settings } = call;
    const storage = await openExistingStorage(settings);
    try {
      return await run(call, storage, await openVault(settings.ENCRYPTION_KEY, settings.DATA_DIR, proofIn(storage)));
    } finally {
      await storage.close();
    }
  },
};

async function rotate({ settings }: Call, storage: Storage, opened: Vault): Promise<number> {
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

async function status(_call: Call, storage: Storage, opened: Vault): Promise<number> {
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
