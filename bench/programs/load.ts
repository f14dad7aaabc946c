// A program: the load generator of the benchmark. Takes one job at a time over the channel to its parent.
import type { Job, LatencyJob, LatencyReport, LoadJob, LoadReport, Reply, Target } from '../job.ts';
import { answers } from '../answers.ts';
import { openAccounting } from '../lib/accounting.ts';
import { Caller, requestsOf, type CallerListener } from '../lib/caller.ts';
import { quantile } from '../lib/statistics.ts';

/** How long the last answers may take once the window is over. */
const patienceMs = 30_000;
/** A read of a paced stream that comes later than this many paces after the one before is late. */
const latePaces = 10;

const accounting = openAccounting();

/** Runs a job whose callers are started by `begin`, which is given what ends the job; closes them all at its end. */
function run<Report>(
  begin: (end: (report: Report) => void, onWrong: (error: Error) => void) => Caller[],
): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  const callers = begin(resolve, reject);
  return promise.finally(() => {
    for (const caller of callers) caller.close();
  });
}

function load(job: LoadJob): Promise<LoadReport> {
  return run((end, onWrong) => {
    let bytes = 0;
    let open = job.connections;
    let isOver = false;
    let wholeAnswers = 0;
    let wholeBytes = 0;
    let longestGapMs = 0;
    let lateReads = 0;
    let durations: number[] = [];
    const lateMs = (answers[job.model]?.paceMs ?? 0) * latePaces;
    const listener: CallerListener = {
      onBytes(count) {
        bytes += count;
      },
      onGap(gapMs) {
        longestGapMs = Math.max(longestGapMs, gapMs);
        if (gapMs > lateMs) lateReads += 1;
      },
      onAnswer(caller, durationMs, bodyBytes) {
        wholeAnswers += 1;
        wholeBytes += bodyBytes;
        if (!isOver) {
          durations.push(durationMs);
          caller.call();
          return;
        }
        caller.close();
        open -= 1;
        if (open === 0 && report !== undefined) end(report());
      },
      onWrong,
    };
    let report: (() => LoadReport) | undefined;
    const requests = requestsOf(job.target, job.model, job.requestBytes);
    const callers: Caller[] = [];
    const begin = (): void => {
      const caller = new Caller(job.target, job.model, requests, listener);
      callers.push(caller);
      caller.call();
    };
    // One after another: more at once than a listener's queue holds would be turned away by the operating system.
    for (let i = 0; i < job.connections; i += 1) setTimeout(begin, (i * job.rampMs) / job.connections);
    setTimeout(() => {
      bytes = 0;
      durations = [];
      longestGapMs = 0;
      lateReads = 0;
      const before = readUsed(job);
      setTimeout(() => {
        isOver = true;
        const used = readUsed(job);
        const windowBytes = bytes;
        const sorted = durations.sort((a, b) => a - b);
        report = () => ({
          durationMs: used.atMs - before.atMs,
          // A subject may write other bytes than the upstream: what one of its answers has is known by now.
          answers: wholeBytes === 0 ? 0 : windowBytes / (wholeBytes / wholeAnswers),
          wholeAnswers,
          p50Ms: quantile(sorted, 0.5),
          p99Ms: quantile(sorted, 0.99),
          longestGapMs,
          lateReads,
          subjectCpuMs: used.subjectMs - before.subjectMs,
          subjectMainCpuMs: used.subjectMainMs - before.subjectMainMs,
          upstreamCpuMs: used.upstreamMs - before.upstreamMs,
          loadCpuMs: used.loadMs - before.loadMs,
        });
        setTimeout(() => onWrong(new Error('an answer does not come to its end')), patienceMs).unref();
      }, job.windowMs);
    }, job.warmUpMs);
    return callers;
  });
}

interface Used {
  readonly atMs: number;
  readonly subjectMs: number;
  readonly subjectMainMs: number;
  readonly upstreamMs: number;
  readonly loadMs: number;
}

function readUsed({ watched }: LoadJob): Used {
  const { user, system } = process.cpuUsage();
  return {
    atMs: performance.now(),
    subjectMs: accounting.cpuMs(watched.subject),
    subjectMainMs: accounting.mainThreadMs(watched.subject),
    upstreamMs: accounting.cpuMs(watched.upstream),
    loadMs: (user + system) / 1000,
  };
}

function latency(job: LatencyJob): Promise<LatencyReport> {
  return run((end, onWrong) => {
    const startedAtMs = performance.now();
    const durations: [number[], number[]] = [[], []];
    const note = (caller: Caller, durationMs: number): void => {
      if (performance.now() - startedAtMs > job.warmUpMs) durations[caller === direct ? 1 : 0].push(durationMs);
    };
    const listener: CallerListener = {
      onBytes() {},
      onFirstText(caller, afterMs) {
        if (job.until === 'first text') note(caller, afterMs);
      },
      onAnswer(caller, durationMs) {
        const elapsedMs = performance.now() - startedAtMs;
        if (job.until === 'end') note(caller, durationMs);
        if (elapsedMs < job.warmUpMs + job.windowMs) {
          next();
          return;
        }
        const [own, straight] = durations.map((list) => list.sort((a, b) => a - b)) as [number[], number[]];
        end({
          answers: own.length,
          p50Ms: quantile(own, 0.5),
          p99Ms: quantile(own, 0.99),
          directP50Ms: quantile(straight, 0.5),
          directP99Ms: quantile(straight, 0.99),
        });
      },
      onWrong,
    };
    const callerOf = (target: Target): Caller =>
      new Caller(target, job.model, requestsOf(target, job.model, 0), listener);
    const through = callerOf(job.target);
    const direct = callerOf(job.direct);
    const next = (): void => (Math.random() < 0.5 ? through : direct).call();
    next();
    return [through, direct];
  });
}

process.on('message', (job: Job) => {
  const report: Promise<LoadReport | LatencyReport> = job.kind === 'load' ? load(job) : latency(job);
  const answer = (reply: Reply): unknown => process.send?.(reply);
  report.then(
    (found) => answer({ kind: 'done', report: found }),
    (error: Error) => answer({ kind: 'failed', message: error.message }),
  );
});
process.on('disconnect', () => process.exit());
