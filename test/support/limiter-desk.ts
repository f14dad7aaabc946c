// A limiter with counters in memory and the real prices, with time in the test's hand.
import assert from 'node:assert/strict';
import type { ClientKey } from '../../src/core/client-key.ts';
import { GatewayError } from '../../src/core/errors.ts';
import type { StopReason } from '../../src/core/exchange.ts';
import type { AttemptRecord } from '../../src/core/record.ts';
import { parseRequest } from '../../src/gateway/parse.ts';
import { Cancellation } from '../../src/lib/cancellation.ts';
import type { AdmissionParts, LimitedRequest, LimitPassed } from '../../src/limits/admission.ts';
import type { LimitTarget } from '../../src/limits/figures.ts';
import { Limiter } from '../../src/limits/limiter.ts';
import type { Reservation } from '../../src/limits/reservation.ts';
import { openPriceBook } from '../../src/prices/book.ts';
import { listPrices } from '../../src/providers/registry.ts';
import { MemoryLimitState } from '../../src/shared-state/memory/memory-limit-state.ts';
import type { LimitState } from '../../src/shared-state/limit-state.ts';
import { FakeClock } from './clock.ts';

/** A dollar in nano-dollars. */
export const usd = 1_000_000_000;

/** gpt-4: $30 for a million tokens of prompt, $60 for one of output. */
export const target: LimitTarget = {
  providerId: 'openai',
  model: 'gpt-4',
  size: { contextTokens: 8192, outputTokens: 8192, imageTokens: 1000 },
  encoding: 'cl100k_base',
  outputLimitName: 'max_completion_tokens',
};

const output = { limitNames: ['max_completion_tokens', 'max_tokens'], defaultTokens: null } as const;

/** A limiter, and what a test holds it by. */
export interface Desk {
  readonly clock: FakeClock;
  readonly limiter: Limiter;
  readonly state: LimitState;
  readonly passed: LimitPassed[];
  /** The attempts that a request has made so far. */
  readonly attemptsOf: (reservation: Reservation) => AttemptRecord[];
  /** Ends a request with these attempts. */
  readonly finish: (reservation: Reservation, attempts: readonly AttemptRecord[]) => void;
  readonly reserve: (
    part: Partial<LimitedRequest> & { readonly key: ClientKey },
    body?: object,
  ) => Promise<Reservation>;
}

/** Opens a limiter that has counted nothing. */
export function openDesk(part: Partial<AdmissionParts> = {}): Desk {
  const clock = new FakeClock();
  const passed: LimitPassed[] = [];
  const prices = openPriceBook(listPrices);
  const state =
    part.state ??
    new MemoryLimitState(clock, {
      spentSince: async () => 0,
      spentByGone: async () => undefined,
      sync: async () => {},
    });
  const limiter = new Limiter({
    state,
    prices: () => prices,
    clock,
    queueTimeoutMs: 20_000,
    countPrompt: async () => undefined,
    onPassed: (one) => passed.push(one),
    ...part,
  });
  const attempts = new Map<Reservation, AttemptRecord[]>();
  const attemptsOf = (reservation: Reservation): AttemptRecord[] => attempts.get(reservation) ?? assert.fail('unknown');
  return {
    clock,
    limiter,
    state,
    passed,
    attemptsOf,
    finish(reservation, made) {
      attemptsOf(reservation).push(...made);
      reservation[Symbol.dispose]();
      reservation.settle();
    },
    async reserve(request, body = {}) {
      const made: AttemptRecord[] = [];
      const reservation = await limiter.reserve({
        id: 'req_1',
        shape: parseRequest(Buffer.from(JSON.stringify({ model: 'gpt-4', max_tokens: 1000, ...body }))),
        output,
        target,
        deadlineMs: clock.nowMs() + 600_000,
        cancellation: new Cancellation<StopReason>(),
        attempts: made,
        ...request,
      });
      attempts.set(reservation, made);
      return reservation;
    },
  };
}

/** One attempt that cost so many dollars. */
export function attempt(dollars: number, part: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    n: 1,
    accountId: 'acc',
    providerId: 'openai',
    model: 'gpt-4',
    startedAtMs: 0,
    status: 200,
    outcome: 'ok',
    failure: null,
    mayHaveReachedUpstream: true,
    firstByteMs: 1,
    durationMs: 1,
    usage: null,
    usageSource: 'upstream',
    rawUsage: null,
    serviceTier: null,
    reservedNanoUsd: null,
    costNanoUsd: dollars * usd,
    priceId: null,
    upstreamRequestId: null,
    ...part,
  };
}

/** The error that a reservation is refused with. */
export async function refusal(reserving: Promise<Reservation>): Promise<GatewayError> {
  const error: unknown = await reserving.then(
    () => new Error('it was admitted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof GatewayError, String(error));
  return error;
}
