// A database with a ledger as months of traffic leave it: written by the gateway's own code, folded to the end.
import { mkdirSync, rmSync, statSync, writeFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerEntry } from '../../src/storage/ledger-store.ts';
import { openSqliteLedgerMaintenance } from '../../src/storage/sqlite/ledger-maintenance.ts';
import { openSqliteLedgerStore } from '../../src/storage/sqlite/ledger-store.ts';
import { ledgerEntries, type Traffic } from './entries.ts';

const batchSize = 5000;

/** Makes the data folder with its database, or takes the one that is there; the answer is the traffic in it. */
export async function seedLedger(folder: string, traffic: Traffic, say: (text: string) => void): Promise<Traffic> {
  const mark = join(folder, 'seeded.json');
  const known = existsSync(mark) ? (JSON.parse(readFileSync(mark, 'utf8')) as Traffic) : undefined;
  if (known !== undefined && known.requests === traffic.requests) return known;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'aigateway.db');
  const began = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
  const store = openSqliteLedgerStore(file);
  let written = 0;
  let entries: LedgerEntry[] = [];
  const write = async (): Promise<void> => {
    written += entries.length;
    await store.append({ spool: 'seed', position: { segment: 0, offsetBytes: written }, entries });
    entries = [];
    if (written % 500_000 === 0) say(`${written} requests, ${seconds()}`);
  };
  for (const entry of ledgerEntries(traffic)) {
    entries.push(entry);
    if (entries.length === batchSize) await write();
  }
  if (entries.length > 0) await write();
  await store.close();
  const bites: number[] = [];
  const maintenance = openSqliteLedgerMaintenance(file, { requestsMs: null, transcriptsMs: null });
  for (;;) {
    const before = performance.now();
    const isMoreDue = await maintenance.step(traffic.toMs);
    bites.push(performance.now() - before);
    if (!isMoreDue) break;
  }
  await maintenance.close();
  bites.sort((a, b) => a - b);
  const at = (share: number): string => (bites[Math.floor(share * (bites.length - 1))] ?? 0).toFixed(1);
  say(`folded in ${bites.length} bites, ms: median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}; ${seconds()}`);
  say(`${(statSync(file).size / 1e9).toFixed(2)} GB`);
  writeFileSync(mark, JSON.stringify(traffic));
  return traffic;
}
