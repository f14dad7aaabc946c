// Finds who makes the next attempt: at this target or at a fallback, at once or after a wait, or nobody any more.
import { GatewayError } from '../core/errors.ts';
import { StoppedError, type Exchange } from '../core/exchange.ts';
import type { Failure } from '../core/failure.ts';
import { sleep } from '../lib/sleep.ts';
import type { Soon } from '../lib/soon.ts';
import type { Lease } from '../pool/lease.ts';
import type { Exhausted } from '../pool/pool.ts';
import type { Wish } from '../pool/select.ts';
import { mayRetry, retryWaitMs } from './retry.ts';
import { isServedBy, type Stop } from './targets.ts';
import { exhaustedWord, lastWord, type FailedAttempt, type HeldAnswer } from './verdict.ts';
import type { GatewayParts, Work } from './work.ts';

/** How far a request has got on its way through targets and accounts. */
export interface Journey extends Work {
  readonly stops: readonly Stop[];
  /** Index of the target that is to serve next. */
  stop: number;
  /** Estimated tokens of the request. */
  readonly tokens: number;
  readonly failed: FailedAttempt[];
  /** Accounts that have been tried at this target. */
  tried: string[];
  /** Ids of the providers whose retry budgets count this request. */
  readonly askedProviders: string[];
}

/** The next lease, after the waits that are due; or the upstream's answer where no further attempt follows. */
export function nextLease(parts: GatewayParts, journey: Journey): Soon<Lease | HeldAnswer> {
  const { settings } = parts;
  const last = journey.failed.at(-1)?.failure;
  if (last !== undefined) {
    const next = journey.stops.findIndex((stop, at) => at > journey.stop && isServedBy(stop, last));
    const isMended = next !== -1;
    const attemptsLeft = settings.MAX_ATTEMPTS - journey.failed.length;
    const isRetried = mayRetry(last, journey.failed.length, settings.MAX_ATTEMPTS);
    if (!isRetried && (!isMended || attemptsLeft <= 0)) return giveUp(parts, journey);
    // Each of the targets that follow is to have its attempt, however many accounts this one has.
    if (!isRetried || (isMended && attemptsLeft < journey.stops.length - journey.stop)) goTo(journey, next);
  }
  return search(parts, journey, { last, isBackoffDue: last !== undefined, paidStop: -1 });
}

/** How far the search for a lease has got. */
interface Search {
  /** What it comes after. */
  readonly last: Failure | undefined;
  isBackoffDue: boolean;
  /** The target whose provider's budget has been asked: after a wait it may be another's turn. */
  paidStop: number;
}

function search(parts: GatewayParts, journey: Journey, state: Search): Soon<Lease | HeldAnswer> {
  const { last } = state;
  for (;;) {
    stopIfStopped(journey.exchange);
    const nowMs = parts.clock.nowMs();
    const wish = wishOf(journey);
    const random = parts.random();
    const choice = parts.rooms.isBusy(wish) ? undefined : parts.pool.choose(wish, nowMs, random);
    const isSame = choice !== undefined && wish.tried.includes(choice.candidate.member.account.id);
    // Rather another target than the same account again, or a wait.
    if ((choice === undefined || isSame) && hasNextStop(journey)) {
      goTo(journey, journey.stop + 1);
      continue;
    }
    // A retry that nobody can serve is none: what waits pays when its wait fits.
    if (state.paidStop !== journey.stop && (choice !== undefined || last === undefined)) {
      if (!pay(parts, journey, last)) {
        if (!hasNextStop(journey)) return giveUp(parts, journey);
        goTo(journey, journey.stop + 1);
        continue;
      }
      state.paidStop = journey.stop;
    }
    if (choice === undefined) return waitForLease(parts, journey, state.paidStop);
    // An account that is to blame, and is not benched for it, would say the same again.
    if (isSame && last?.source === 'account' && last.scope === 'none') return giveUp(parts, journey);
    if (state.isBackoffDue && last !== undefined) {
      state.isBackoffDue = false;
      const waitMs = retryWaitMs(last, journey.failed.length, isSame, parts.random());
      if (nowMs + waitMs >= journey.deadlineMs) return giveUp(parts, journey);
      if (waitMs > 0)
        return sleep(parts.clock, waitMs, journey.exchange.cancellation).then(() => search(parts, journey, state));
    }
    return parts.pool.take(choice, wish, nowMs, random);
  }
}

/** Waits in the queue where the wait fits, for the target that is free first; else says that it does not. */
async function waitForLease(parts: GatewayParts, journey: Journey, paidStop: number): Promise<Lease | HeldAnswer> {
  const { clock, settings, rooms } = parts;
  const { exchange, record, deadlineMs } = journey;
  const nowMs = clock.nowMs();
  const untilMs = Math.min(nowMs + settings.QUEUE_TIMEOUT_MS - record.queuedMs, deadlineMs);
  const isInTime = ({ freeAtMs }: Exhausted): boolean => freeAtMs !== undefined && freeAtMs <= untilMs;
  const free = untilMs > nowMs ? waitable(parts, journey).filter(({ exhausted }) => isInTime(exhausted)) : [];
  const { stop, tried } = journey;
  for (const { at } of free.sort((a, b) => (a.exhausted.freeAtMs ?? 0) - (b.exhausted.freeAtMs ?? 0))) {
    if (at !== stop) goTo(journey, at);
    if (at !== paidStop && !pay(parts, journey, journey.failed.at(-1)?.failure)) {
      journey.stop = stop;
      journey.tried = tried;
      if (at === stop) return giveUp(parts, journey);
      continue;
    }
    const wish = wishOf(journey);
    const lease = await rooms.wait({ wish, flow: record.keyId ?? '', untilMs, cancellation: exchange.cancellation });
    record.queuedMs += clock.nowMs() - nowMs;
    if (lease !== undefined) return lease;
    stopIfStopped(exchange);
    break;
  }
  return refuse(parts, journey);
}

/**
 * The targets that may be waited for, and how they stand. Those that were passed over because they had no room may be,
 * unless an attempt has failed whose account is not resting for it: that one would be asked at once, and would say the same.
 */
function waitable(
  { pool, clock }: GatewayParts,
  journey: Journey,
): { readonly at: number; readonly exhausted: Exhausted }[] {
  const mayGoBack = journey.failed.every(({ failure }) => failure.source === 'account' && failure.scope !== 'none');
  const nowMs = clock.nowMs();
  return journey.stops.flatMap((_, at) => {
    if (at !== journey.stop && !mayGoBack) return [];
    const { tried } = at === journey.stop ? journey : { tried: [] };
    return [{ at, exhausted: pool.exhausted(wishOf({ ...journey, stop: at, tried }), nowMs) }];
  });
}

/** Nobody can serve in time. What the account's own limits are to blame for is said exactly, all else is the last answer. */
function refuse(parts: GatewayParts, journey: Journey): HeldAnswer {
  const last = journey.failed.at(-1)?.failure;
  const candidates = waitable(parts, journey).flatMap(({ exhausted }) => exhausted.candidates);
  const word = exhaustedWord({ candidates }, currentStop(journey).model, parts.clock.nowMs());
  if (last === undefined) throw word ?? nobodyThere(currentStop(journey));
  if (word === undefined || last.source !== 'account' || last.kind === 'model_not_found') return giveUp(parts, journey);
  throw word;
}

function giveUp(parts: GatewayParts, journey: Journey): HeldAnswer {
  stopIfStopped(journey.exchange);
  const next = parts.pool.choose(wishOf(journey), parts.clock.nowMs(), parts.random());
  const word = lastWord(journey.failed, next !== undefined);
  const namesWait = word instanceof GatewayError ? word.details.retryAfterMs !== undefined : hasWait(word);
  const isThrottled = journey.failed.at(-1)?.failure.kind === 'rate_limited';
  // Where another account could serve now, there is nothing to wait for.
  const rest = isThrottled && next === undefined && !namesWait ? restWord(parts, journey) : undefined;
  if (word instanceof GatewayError) throw rest ?? word;
  return rest === undefined ? word : { ...word, headers: [...word.headers, ...rest.toHeaders()] };
}

/** The rest that throttled accounts have been given, for an upstream that named no wait. */
function restWord({ pool, clock }: GatewayParts, journey: Journey): GatewayError | undefined {
  const nowMs = clock.nowMs();
  const word = exhaustedWord(pool.exhausted(wishOf(journey), nowMs), currentStop(journey).model, nowMs);
  return word?.code === 'upstream_rate_limited' ? word : undefined;
}

function hasWait({ headers }: HeldAnswer): boolean {
  return headers.includes('retry-after') || headers.includes('retry-after-ms');
}

/**
 * Books the next attempt on the retry budget of its provider. To a provider that has not been asked yet it is a request
 * like any other; what the caller is to blame for is no sign of an outage, nor is a connection that was no longer one.
 */
function pay({ retries, clock }: GatewayParts, journey: Journey, last: Failure | undefined): boolean {
  const { id } = currentStop(journey).provider;
  if (journey.askedProviders.includes(id)) {
    if (last === undefined || last.source === 'caller' || isFirstStale(journey)) return true;
    return retries.take(id, clock.nowMs());
  }
  journey.askedProviders.push(id);
  retries.request(id, clock.nowMs());
  return true;
}

/** Only the first: the pool has let go of all that lay idle beside it, so that the next attempt has a fresh connection. */
function isFirstStale({ failed }: Journey): boolean {
  return failed.length === 1 && failed[0]?.failure.isStale === true;
}

function hasNextStop({ stop, stops }: Journey): boolean {
  return stop + 1 < stops.length;
}

function goTo(journey: Journey, stop: number): void {
  journey.stop = stop;
  journey.tried = [];
}

/** The target that serves next. */
export function currentStop({ stops, stop }: Pick<Journey, 'stops' | 'stop'>): Stop {
  const current = stops[stop];
  if (current === undefined) throw new Error('a journey has no such stop');
  return current;
}

/** What the current target's pool is asked for. */
export function wishOf(journey: Journey): Wish {
  const { provider, model } = currentStop(journey);
  return { providerId: provider.id, model, tokens: journey.tokens, tried: journey.tried };
}

/** Throws where the request has been stopped. */
export function stopIfStopped({ cancellation }: Exchange): void {
  if (cancellation.reason !== undefined) throw new StoppedError(cancellation.reason);
}

function nobodyThere({ provider, model }: Stop): GatewayError {
  return new GatewayError(
    'no_account',
    `The provider "${provider.id}" has no active account that may serve the model "${model}"; add or activate one with POST /api/v1/accounts.`,
    { shouldRetry: false },
  );
}
