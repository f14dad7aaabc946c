// Loaded into the gateway before its own code (`--import`): writes down every second what holds its event loop open.
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['BENCH_RESOURCES_FILE'];
const everyMs = 1000;

// Its threads load this too, and would write over each other's file.
if (file !== undefined && isMainThread) {
  setInterval(() => {
    const counts: Record<string, number> = {};
    for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
    writeFileSync(`${file}.next`, JSON.stringify(counts));
    renameSync(`${file}.next`, file);
  }, everyMs).unref();
}
