// The gateway without its ledger, to tell what the ledger costs. No way to run it: it forgets what it spends.
import { readSettings } from '../../src/core/settings.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { startGateway } from '../../src/main.ts';

const none: Ledger = {
  spool: 'none',
  intend: () => () => undefined,
  settle: () => {},
  keep: () => {},
  sync: async () => {},
  status: () => ({ waitingBytes: 0, lostLines: 0, lostTranscripts: 0, isSpoolInTrouble: false, isDatabaseAway: false }),
  close: async () => {},
};

const settings = readSettings({}, process.env);
const gateway = await startGateway(settings, (url) => process.stdout.write(`listening on ${url}\n`), {
  openLedger: async () => none,
});
process.once('SIGTERM', () => void gateway.stop().then(() => process.exit(0)));
