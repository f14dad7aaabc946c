// The supervisor with workers that only pretend: who is started when, what each is told, and how it all ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/support/clock.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { Supervisor } from './supervisor.ts';

interface FakeWorker {
  readonly told: ToWorker[];
  isKilled: boolean;
  say(message: FromWorker): void;
  end(code: number | null, signal?: string, error?: Error): void;
}

const url = 'http://127.0.0.1:4567';

function begin(count = 2, port = 0) {
  const clock = new FakeClock();
  const workers: FakeWorker[] = [];
  const announced: string[] = [];
  const lines: Readonly<Record<string, unknown>>[] = [];
  const supervisor = new Supervisor({
    count,
    port,
    clock,
    announce: (text) => announced.push(text),
    log: (level, message, members) => lines.push({ level, message, ...members }),
    fork(listener) {
      const worker: FakeWorker = {
        told: [],
        isKilled: false,
        say: (message) => listener.heard(message),
        end: (code, signal, error) => listener.ended(code, signal ?? null, error),
      };
      workers.push(worker);
      return {
        pid: 100 + workers.length,
        tell: (message) => worker.told.push(message),
        kill: () => {
          worker.isKilled = true;
        },
      };
    },
  });
  let code: number | undefined;
  void supervisor.run().then((ended) => (code = ended));
  const at = (i: number): FakeWorker => workers[i] ?? assert.fail(`worker ${i} was not started`);
  const serve = (i: number): void => {
    at(i).say({ kind: 'hello' });
    at(i).say({ kind: 'ready', url });
  };
  return { supervisor, clock, workers, announced, lines, at, serve, code: () => code };
}

const kinds = ({ told }: FakeWorker): string[] => told.map(({ kind }) => kind);

test('the first starts alone and chooses the port; the URL is said once, when all serve', () => {
  const { workers, announced, at, serve } = begin(3);
  assert.equal(workers.length, 1);
  serve(0);
  assert.deepEqual(at(0).told, [{ kind: 'begin', number: 1, count: 3, port: 0 }]);
  assert.equal(workers.length, 3);
  serve(2);
  assert.deepEqual(announced, []);
  serve(1);
  assert.deepEqual(announced, [url]);
  assert.deepEqual(at(2).told, [{ kind: 'begin', number: 3, count: 3, port: 4567 }, { kind: 'announced' }]);
});

test('a worker that cannot start ends all, with its exit code', async () => {
  for (const [failing, code] of [
    [0, 1],
    [1, 2],
  ] as const) {
    const run = begin();
    if (failing === 1) run.serve(0);
    run.at(failing).end(code);
    if (failing === 1) {
      assert.deepEqual(kinds(run.at(0)), ['begin', 'stop']);
      run.at(0).end(0);
    }
    await run.clock.advance(60_000);
    assert.equal(run.code(), code);
    assert.deepEqual(run.announced, []);
    assert.deepEqual(run.lines, [], 'it has said itself why');
    assert.equal(run.workers.length, failing + 1);
  }
});

test('a worker that dies is started again after a pause that grows, under the same number and on the same port', async () => {
  const run = begin();
  run.serve(0);
  run.serve(1);
  run.at(1).end(null, 'SIGKILL');
  assert.deepEqual(run.lines, [
    {
      level: 'error',
      message: 'a worker ended and is started again',
      worker: 2,
      pid: 102,
      exit_code: null,
      signal: 'SIGKILL',
      restart_in_ms: 250,
    },
  ]);
  assert.deepEqual(run.at(0).told.at(-1), { kind: 'others_degraded', names: ['workers'] });
  await run.clock.advance(249);
  assert.equal(run.workers.length, 2);
  await run.clock.advance(1);
  run.at(2).end(1);
  assert.equal(run.lines.at(-1)?.['restart_in_ms'], 500, 'it failed at once');
  await run.clock.advance(500);
  run.serve(3);
  assert.deepEqual(run.at(3).told, [{ kind: 'begin', number: 2, count: 2, port: 4567 }, { kind: 'announced' }]);
  assert.equal(run.lines.at(-1)?.['message'], 'the worker serves again');
  assert.deepEqual(run.at(0).told.at(-1), { kind: 'others_degraded', names: [] });
  await run.clock.advance(60_000);
  run.at(3).end(0);
  assert.equal(run.lines.at(-1)?.['restart_in_ms'], 250, 'it had worked well');
  assert.deepEqual(run.announced, [url]);
});

test('why a worker could not even begin is said; it is tried again, and keeps nobody from ending', async () => {
  const gone = new Error('spawn node ENOENT');
  const alone = begin(1);
  alone.at(0).end(null, undefined, gone);
  await alone.clock.advance(0);
  assert.equal(alone.code(), 1);
  assert.deepEqual(alone.lines, [
    { level: 'error', message: 'a worker cannot be started', worker: 1, error: gone.message },
  ]);
  const run = begin(1);
  run.serve(0);
  run.at(0).end(1);
  await run.clock.advance(250);
  run.at(1).end(null, undefined, gone);
  assert.equal(run.lines.at(-1)?.['error'], gone.message);
  await run.clock.advance(500);
  assert.equal(run.workers.length, 3);
  run.at(2).end(null, undefined, gone);
  run.supervisor.stop();
  await run.clock.advance(0);
  assert.equal(run.code(), 0);
});

test('what does not work at one worker the others know', () => {
  const run = begin(3);
  run.serve(0);
  run.serve(1);
  run.serve(2);
  run.at(0).say({ kind: 'degraded', names: ['redis'] });
  run.at(1).say({ kind: 'degraded', names: ['redis', 'ledger_disk'] });
  assert.deepEqual(run.at(2).told.at(-1), { kind: 'others_degraded', names: ['redis', 'ledger_disk'] });
  assert.deepEqual(run.at(1).told.at(-1), { kind: 'others_degraded', names: ['redis'] });
  run.at(0).say({ kind: 'degraded', names: [] });
  assert.deepEqual(run.at(1).told.at(-1), { kind: 'others_degraded', names: [] });
});

test('a report is gathered over all that serve', () => {
  const run = begin();
  run.serve(0);
  run.serve(1);
  run.at(1).say({ kind: 'gather', n: 7, report: [] });
  assert.deepEqual(run.at(0).told.at(-1), { kind: 'report', n: 1 });
  const metric = { name: 'a', help: '', type: 'gauge', aggregator: 'sum', values: [] };
  run.at(0).say({ kind: 'reported', n: 1, report: [metric] });
  assert.deepEqual(run.at(1).told.at(-1), { kind: 'gathered', n: 7, reports: [[metric], []] });
});

test('a change is answered when all others have read it', async () => {
  const run = begin(3);
  for (const i of [0, 1, 2]) run.serve(i);
  run.at(1).say({ kind: 'changed', n: 4 });
  assert.deepEqual(
    [run.at(0).told.at(-1), run.at(2).told.at(-1)],
    [1, 1].map((n) => ({ kind: 'reload', n })),
  );
  run.at(0).say({ kind: 'reloaded', n: 1 });
  assert.equal(kinds(run.at(1)).includes('all_reloaded'), false);
  run.at(2).say({ kind: 'reloaded', n: 1 });
  assert.deepEqual(run.at(1).told.at(-1), { kind: 'all_reloaded', n: 4 });
  run.at(1).say({ kind: 'changed', n: 5 });
  await run.clock.advance(1000);
  assert.deepEqual(run.at(1).told.at(-1), { kind: 'all_reloaded', n: 5 }, 'nobody waits for ever');
});

test('who asks is told when all others have booked what they have noted, or after a second', async () => {
  const run = begin(3);
  for (const i of [0, 1, 2]) run.serve(i);
  run.at(1).say({ kind: 'sync_others', n: 4 });
  assert.deepEqual(
    [run.at(0).told.at(-1), run.at(2).told.at(-1)],
    [1, 1].map((n) => ({ kind: 'sync', n })),
  );
  run.at(0).say({ kind: 'synced', n: 1 });
  assert.equal(kinds(run.at(1)).includes('others_synced'), false);
  run.at(2).end(null, 'SIGKILL');
  assert.deepEqual(
    run.at(1).told.filter(({ kind }) => kind === 'others_synced'),
    [{ kind: 'others_synced', n: 4 }],
    'who is gone is not waited for',
  );
  run.at(1).say({ kind: 'sync_others', n: 5 });
  await run.clock.advance(1000);
  assert.deepEqual(run.at(1).told.at(-1), { kind: 'others_synced', n: 5 }, 'nobody waits for ever');
});

test('the word to end reaches all; the exit code is the first that is not 0', async () => {
  for (const [codes, code] of [
    [[0, 0], 0],
    [[0, 3], 3],
    [[null, 0], 1],
  ] as const) {
    const run = begin();
    run.serve(0);
    run.serve(1);
    run.supervisor.stop();
    run.supervisor.stop();
    assert.equal(kinds(run.at(0)).filter((kind) => kind === 'stop').length, 1);
    run.at(0).end(codes[0]);
    await run.clock.advance(60_000);
    assert.equal(run.code(), undefined);
    run.at(1).end(codes[1]);
    await run.clock.advance(60_000);
    assert.equal(run.code(), code);
    assert.equal(run.workers.length, 2);
    assert.deepEqual(run.lines, []);
  }
});

test('a worker that the SIGTERM for all meets before it listens for it has ended well, one that is killed has not', async () => {
  for (const [signal, code] of [
    ['SIGTERM', 0],
    ['SIGKILL', 1],
  ] as const) {
    const run = begin();
    run.supervisor.stop();
    run.at(0).end(null, signal);
    await run.clock.advance(0);
    assert.equal(run.code(), code, signal);
  }
});

test('the word to end while one is away, and while all start', async () => {
  const run = begin();
  run.serve(0);
  run.serve(1);
  run.at(1).end(1);
  run.supervisor.stop();
  run.at(0).end(0);
  await run.clock.advance(60_000);
  assert.equal(run.code(), 0);
  assert.equal(run.workers.length, 2);

  const early = begin();
  early.supervisor.stop();
  early.serve(0);
  assert.equal(early.workers.length, 1, 'no other is started');
  assert.deepEqual(kinds(early.at(0)), ['stop', 'begin']);
  early.at(0).end(0);
  await early.clock.advance(0);
  assert.equal(early.code(), 0);
});

test('at once means at once', () => {
  const run = begin();
  run.serve(0);
  run.serve(1);
  run.supervisor.kill();
  assert.ok(run.at(0).isKilled && run.at(1).isKilled);
});
