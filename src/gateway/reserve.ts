// Reserve: what a request may take of its key's own limits is held before it goes out, and asked for again before each attempt.
import type { ClientKey } from '../core/client-key.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { GatewayError } from '../core/errors.ts';
import type { RequestRecord } from '../core/record.ts';
import type { Target } from '../core/route.ts';
import type { Clock } from '../lib/clock.ts';
import { soon, type Soon } from '../lib/soon.ts';
import type { LimitTarget } from '../limits/figures.ts';
import { hasLimits } from '../limits/limiter.ts';
import { addRateHeaders, hiddenRateHeaders, noNames } from '../limits/rate-headers.ts';
import type { AttemptTerms, Reservation } from '../limits/reservation.ts';
import type { ParsedRequest } from './parse.ts';
import type { GatewayParts, Work } from './work.ts';

/** Holds what the request may take; null for a key without limits. Throws the `GatewayError` that refuses it. */
export function reserve(
  { limiter, clock }: GatewayParts,
  { key, exchange, record, deadlineMs }: Work,
  { output, request, target }: Pick<Endpoint, 'output'> & { readonly request: ParsedRequest; readonly target: Target },
): Soon<Reservation | null> {
  if (key === null || !hasLimits(key)) return null;
  const reservation = limiter.reserve({
    id: exchange.id,
    key,
    shape: request,
    output,
    target: limitTarget(target, output),
    deadlineMs,
    cancellation: exchange.cancellation,
    attempts: record.attempts,
  });
  return soon(reservation instanceof Promise ? waitFor(reservation, record, clock) : reservation, (made) => {
    record.budgetPeriod = made.period;
    return made;
  });
}

async function waitFor(reservation: Promise<Reservation>, record: RequestRecord, clock: Clock): Promise<Reservation> {
  const beganAtMs = clock.nowMs();
  try {
    return await reservation;
  } finally {
    record.queuedMs += clock.nowMs() - beganAtMs;
  }
}

const freeTerms: AttemptTerms = { outputCap: null, reservedNanoUsd: null };

/** What the next attempt may do, or the error where the budget does not cover it. */
export function termsOf(
  { reservation, endpoint }: Pick<Work, 'reservation'> & { readonly endpoint: Endpoint },
  target: Target,
): Soon<AttemptTerms | GatewayError> {
  if (reservation === null) return freeTerms;
  const { target: reserved } = reservation;
  // Mostly it goes where it was reserved for.
  const isSame = reserved.providerId === target.provider.id && reserved.model === target.model;
  return reservation.attempt(isSame ? reserved : limitTarget(target, endpoint.output));
}

/** Adds the headers that tell how the key's own limits stand, name and value in turn. */
export function addKeyHeaders(list: string[], { limiter }: Pick<GatewayParts, 'limiter'>, key: ClientKey | null): void {
  if (key !== null) addRateHeaders(list, key, () => limiter.standing(key.id));
}

/** Names of the upstream's headers that are not for the holder of this key: one of a few lists, by which filters are found. */
export function hiddenHeaders(key: ClientKey | null): readonly string[] {
  return key === null ? noNames : hiddenRateHeaders(key);
}

function limitTarget({ provider, model }: Target, output: Endpoint['output']): LimitTarget {
  const { config, vendor } = provider;
  const wanted = config.output_limit_name ?? vendor.outputLimitName;
  return {
    providerId: provider.id,
    model,
    size: vendor.sizeOf(model),
    encoding: vendor.knownEncodingOf(model),
    outputLimitName: output?.limitNames.includes(wanted) === true ? wanted : (output?.limitNames[0] ?? wanted),
  };
}
