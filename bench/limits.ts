// What the limits of a client key cost a request: one with all four, reserved, told in headers and settled, in CPU time of this process.
import process from 'node:process';
import type { StopReason } from '../src/core/exchange.ts';
import type { AttemptRecord } from '../src/core/record.ts';
import { GatewayError } from '../src/core/errors.ts';
import { parseRequest } from '../src/gateway/parse.ts';
import { Cancellation } from '../src/lib/cancellation.ts';
import { systemClock } from '../src/lib/clock.ts';
import type { LimitTarget } from '../src/limits/figures.ts';
import { Limiter } from '../src/limits/limiter.ts';
import { addRateHeaders } from '../src/limits/rate-headers.ts';
import { openPriceBook } from '../src/prices/book.ts';
import { endpoints } from '../src/providers/openai/endpoints.ts';
import { openai } from '../src/providers/openai/vendor.ts';
import { listPrices } from '../src/providers/registry.ts';
import { MemoryLimitState } from '../src/shared-state/memory/memory-limit-state.ts';
import { limitedKey } from '../test/support/client-key.ts';

const warmUp = 10_000;
const measured = 50_000;
const inFlight = 200;
const trials = 5;

/** Bytes of the prompt, and whether it comes as one text or as parts. */
const bodies = { '0.1 kB': 100, '10 kB': 10_000, '100 kB': 100_000 } as const;

const key = limitedKey({
  rpm: 1e9,
  tpm: 1e12,
  maxConcurrency: 1e6,
  budget: { amountNanoUsd: 9e15, period: 'month', timeZone: 'Europe/Berlin', inForceSince: 1 },
});

const prices = openPriceBook(listPrices);
const limiter = new Limiter({
  state: new MemoryLimitState(systemClock, {
    spentSince: async () => 0,
    spentByGone: async () => undefined,
    sync: async () => {},
  }),
  prices: () => prices,
  clock: systemClock,
  queueTimeoutMs: 0,
  countPrompt: async () => undefined,
  onPassed: () => {},
});
const target: LimitTarget = {
  providerId: 'openai',
  model: 'gpt-4o',
  size: openai.sizeOf('gpt-4o'),
  encoding: openai.encodingOf('gpt-4o'),
  outputLimitName: openai.outputLimitName,
};
const output = endpoints[0]?.output ?? null;
const cancellation = new Cancellation<StopReason>();

function attemptWith(reservedNanoUsd: number | null): AttemptRecord {
  return {
    n: 1,
    accountId: 'acc',
    providerId: 'openai',
    model: 'gpt-4o',
    startedAtMs: systemClock.nowMs(),
    status: 200,
    outcome: 'ok',
    failure: null,
    mayHaveReachedUpstream: true,
    firstByteMs: 1,
    durationMs: 1,
    usage: {
      prompt_tokens: 30,
      completion_tokens: 50,
      total_tokens: 80,
      cached_tokens: 0,
      cache_write_tokens: 0,
      reasoning_tokens: 0,
      audio_prompt_tokens: 0,
      audio_completion_tokens: 0,
    },
    usageSource: 'upstream',
    rawUsage: null,
    serviceTier: 'default',
    upstreamRequestId: null,
    reservedNanoUsd,
    costNanoUsd: null,
    priceId: null,
  };
}

/** One request from its reservation to its settlement. */
async function request(body: Buffer): Promise<void> {
  const attempts: AttemptRecord[] = [];
  const reservation = await limiter.reserve({
    id: 'req',
    key,
    shape: parseRequest(body),
    output,
    target,
    deadlineMs: systemClock.nowMs() + 600_000,
    cancellation,
    attempts,
  });
  const terms = await reservation.attempt(target);
  if (terms instanceof GatewayError) throw terms;
  await new Promise(setImmediate);
  addRateHeaders([], key, () => limiter.standing(key.id));
  attempts.push(attemptWith(terms.reservedNanoUsd));
  reservation[Symbol.dispose]();
  reservation.settle();
}

/** The same without limits: what the loop itself and the parsing cost. */
async function bare(body: Buffer): Promise<void> {
  parseRequest(body);
  await new Promise(setImmediate);
  attemptWith(null);
}

async function cpuMicros(run: (body: Buffer) => Promise<void>, body: Buffer, requests: number): Promise<number> {
  const lanes = Array.from({ length: inFlight }, async () => {
    for (let i = 0; i < requests / inFlight; i += 1) await run(body);
  });
  const before = process.cpuUsage();
  await Promise.all(lanes);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / requests;
}

for (const [name, bytes] of Object.entries(bodies)) {
  const messages = [{ role: 'user', content: 'word '.repeat(bytes / 5) }];
  const body = Buffer.from(JSON.stringify({ model: 'gpt-4o', messages }));
  const share = bytes > 50_000 ? 10 : 1;
  await cpuMicros(request, body, warmUp / share);
  await cpuMicros(bare, body, warmUp / share);
  const costs: number[] = [];
  for (let i = 0; i < trials; i += 1) {
    const withLimits = await cpuMicros(request, body, measured / share);
    costs.push(withLimits - (await cpuMicros(bare, body, measured / share)));
  }
  costs.sort((a, b) => a - b);
  process.stdout.write(`${name}: ${costs.map((cost) => cost.toFixed(2)).join(', ')} µs CPU a request\n`);
}
