// A request's targets in order: the one its model leads to, then the fallbacks of its route.
import type { Configuration } from '../core/configuration.ts';
import type { Failure } from '../core/failure.ts';
import type { ModelPrefix } from '../core/provider.ts';
import type { Fallback, Target } from '../core/route.ts';
import { RecentMap } from '../lib/recent-map.ts';
import { routeModel } from './route.ts';

/** A target, and which failures of the one before it serves besides those that any target serves. */
export interface Stop extends Target {
  readonly on: readonly string[];
}

/** The route's own target, then its fallbacks, as far as their providers are active. */
export function stopsOf(configuration: Configuration, target: Target): [Stop, ...Stop[]] {
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

/** Models whose way is remembered: their names come from clients. */
const modelsRemembered = 1000;

/** Finds the way of a model. While the configuration stays the same, so do the ways: rules may be many, models are few. */
export class Router {
  readonly #prefixes: readonly ModelPrefix[];
  #configuration: Configuration | undefined;
  #ways = new RecentMap<string, readonly [Stop, ...Stop[]]>(modelsRemembered);

  constructor(prefixes: readonly ModelPrefix[]) {
    this.#prefixes = prefixes;
  }

  /** The targets of `model` in order, one at least; throws `model_not_found` where there is none. */
  stopsOf(configuration: Configuration, model: string): readonly [Stop, ...Stop[]] {
    if (configuration !== this.#configuration) {
      this.#configuration = configuration;
      this.#ways = new RecentMap(modelsRemembered);
    }
    const known = this.#ways.get(model);
    if (known !== undefined) return known;
    const stops = stopsOf(configuration, routeModel(configuration, this.#prefixes, model));
    this.#ways.set(model, stops);
    return stops;
  }
}

/** Whether a failure may be mended at the next stop: the upstream's and the account's always, the caller's where listed. */
export function isServedBy(stop: Stop, failure: Failure): boolean {
  if (failure.source === 'client') return false;
  return stop.on.includes(failure.kind) || (failure.source !== 'caller' && failure.advice !== 'pass_through');
}
