// A request's targets in order: the one its model leads to, then the fallbacks of its route.
import type { Configuration } from '../core/configuration.ts';
import type { Failure } from '../core/failure.ts';
import type { Fallback, Target } from '../core/route.ts';

/** A target, and which failures of the one before it serves besides those that any target serves. */
export interface Stop extends Target {
  readonly on: readonly string[];
}

/** The route's own target, then its fallbacks, as far as their providers are active. */
export function stopsOf(configuration: Configuration, target: Target): Stop[] {
  const { provider, model, because, fallbacks } = target;
  const own: Stop = { provider, model, because, fallbacks, on: [] };
  if (fallbacks.length === 0) return [own];
  return [own, ...fallbacks.flatMap((fallback) => stopOf(configuration, target, fallback))];
}

function stopOf(configuration: Configuration, target: Target, { provider_id: id, model, on }: Fallback): Stop[] {
  const provider = configuration.providers.get(id);
  if (provider?.isActive !== true) return [];
  return [
    { provider, model: model ?? target.model, because: `fallback of ${target.because}`, fallbacks: [], on: on ?? [] },
  ];
}

/** Whether a failure may be mended at the next stop: the upstream's and the account's always, the caller's where listed. */
export function isServedBy(stop: Stop, failure: Failure): boolean {
  if (failure.source === 'client') return false;
  return stop.on.includes(failure.kind) || (failure.source !== 'caller' && failure.advice !== 'pass_through');
}
