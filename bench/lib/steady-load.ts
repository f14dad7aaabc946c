// A gateway under a steady load of small requests: what clients and the process have seen of it, second by second.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { request, type Dispatcher } from 'undici';
import type { RunningProcess } from './start-process.ts';
import { quantile } from './statistics.ts';

const perSecond = 200;
const tellEverySeconds = 15;
/** How often prom-client has the event loop's delay measured; Node.js counts the time between two looks, this included. */
const betweenLooksMs = 10;
const body = JSON.stringify({ model: 'gpt-4', messages: [{ role: 'user', content: 'hello' }] });

/** A stretch of load: what clients and the process have seen of it. */
export interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly latenciesMs: readonly number[];
  readonly failures: number;
  readonly memoryMebibytes: readonly number[];
  /** The 99th percentile of each second. */
  readonly loopDelaysMs: readonly number[];
}

/** How to drive. */
export interface Drive {
  readonly name: string;
  readonly gateway: RunningProcess;
  readonly dispatcher: Dispatcher;
  /** Asked all the time, with the seconds that have passed. */
  readonly isOver: (seconds: number) => boolean;
  readonly say: (text: string) => void;
  /** What is told beside the progress. */
  readonly note?: () => string;
}

function memoryOf(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+)/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

async function loopDelayOf(url: string, dispatcher: Dispatcher): Promise<number> {
  const { body: text } = await request(`${url}/metrics`, { dispatcher });
  const [, seconds = '0'] = /^nodejs_eventloop_lag_p99_seconds (\S+)$/mu.exec(await text.text()) ?? [];
  return Math.max(0, Number(seconds) * 1000 - betweenLooksMs);
}

/** Sends 200 requests a second at random moments (Poisson) until it is over, and tells how it goes. */
export async function drive({ name, gateway, dispatcher, isOver, say, note = () => '' }: Drive): Promise<Phase> {
  const url = gateway.readyText;
  const phase = {
    name,
    seconds: 0,
    latenciesMs: [] as number[],
    failures: 0,
    memoryMebibytes: [] as number[],
    loopDelaysMs: [] as number[],
  };
  const began = performance.now();
  const running = new Set<Promise<void>>();
  let nextMs = began;
  let looked = began;
  let told = { ms: began, requests: 0 };
  while (!isOver((performance.now() - began) / 1000)) {
    nextMs += (-Math.log(1 - Math.random()) * 1000) / perSecond;
    await sleep(Math.max(0, nextMs - performance.now()));
    const sent = performance.now();
    const one = request(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      dispatcher,
    }).then(
      async ({ statusCode, body: answer }) => {
        await answer.dump();
        phase.latenciesMs.push(performance.now() - sent);
        if (statusCode !== 200) phase.failures += 1;
      },
      () => void (phase.failures += 1),
    );
    running.add(one);
    void one.finally(() => running.delete(one));
    if (sent - looked < 1000) continue;
    looked = sent;
    if (sent - told.ms >= tellEverySeconds * 1000) {
      const lately = p99(phase.latenciesMs.slice(told.requests));
      told = { ms: sent, requests: phase.latenciesMs.length };
      const megabytes = phase.memoryMebibytes.at(-1)?.toFixed(0) ?? '–';
      const passed = ((sent - began) / 1000).toFixed(0);
      say(`${name}: ${passed} s, p99 lately ${lately.toFixed(1)} ms, ${megabytes} MiB${note()}`);
    }
    phase.memoryMebibytes.push(memoryOf(gateway.pid));
    const look = loopDelayOf(url, dispatcher).then(
      (ms) => void phase.loopDelaysMs.push(ms),
      () => void (phase.failures += 1),
    );
    running.add(look);
    void look.finally(() => running.delete(look));
  }
  await Promise.all(running);
  return { ...phase, seconds: (performance.now() - began) / 1000 };
}

/** The 99th percentile of values in any order. */
export function p99(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.99,
  );
}
