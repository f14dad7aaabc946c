// From a model name to the provider that serves it: a pure lookup, longest user route first.
import { matchesModel } from './model-pattern.ts';
import type { ModelPrefix, Provider } from './provider.ts';

/** Where to go when a route's own target cannot serve. */
export interface Fallback {
  readonly provider_id: string;
  readonly model?: string | undefined;
  /** Kinds of failure that it serves, besides an exhausted pool. */
  readonly on?: readonly string[] | undefined;
}

/** A user's own rule: model pattern → provider. */
export interface Route {
  readonly id: string;
  readonly pattern: string;
  readonly providerId: string;
  /** The name that the provider knows the model by; null: the client's own. */
  readonly model: string | null;
  readonly fallbacks: readonly Fallback[];
}

/** What routing goes by: the part of the configuration that it needs. */
export interface RoutingTable {
  readonly providers: ReadonlyMap<string, Provider>;
  /** In the order of `comparePatterns`. */
  readonly routes: readonly Route[];
}

/** Where a request goes. */
export interface Target {
  readonly provider: Provider;
  /** The model name for the upstream. */
  readonly model: string;
  /** What decided: a route's pattern, or the rule's name. */
  readonly because: string;
  readonly fallbacks: readonly Fallback[];
}

/**
 * The target of `model`: the longest matching user route, else the explicit form `provider/model`, else the registry's
 * prefixes, else a provider that declares the very model. Undefined where none leads to an active provider.
 */
export function findTarget(table: RoutingTable, prefixes: readonly ModelPrefix[], model: string): Target | undefined {
  return (
    byUserRoute(table, model) ??
    byExplicitProvider(table, model) ??
    byPrefix(table, prefixes, model) ??
    byDeclaration(table, model)
  );
}

function byUserRoute(table: RoutingTable, model: string): Target | undefined {
  for (const route of table.routes) {
    if (!matchesModel(route.pattern, model)) continue;
    const target = targetOfRoute(table, route, model);
    if (target !== undefined) return target;
  }
  return undefined;
}

/**
 * Where a route leads that matches `model`. A provider that is switched off has no account left: the route's fallbacks come
 * before any other rule. Undefined where none of them is active either.
 */
export function targetOfRoute(table: RoutingTable, route: Route, model: string): Target | undefined {
  const because = `route ${route.pattern}`;
  const ownModel = route.model ?? model;
  const own = activeProvider(table, route.providerId);
  if (own !== undefined) return { provider: own, model: ownModel, because, fallbacks: route.fallbacks };
  const others = route.fallbacks.map((fallback) => ({ ...fallback, model: fallback.model ?? ownModel }));
  for (const [i, other] of others.entries()) {
    const provider = activeProvider(table, other.provider_id);
    if (provider === undefined) continue;
    return { provider, model: other.model, because: `fallback of ${because}`, fallbacks: others.slice(i + 1) };
  }
  return undefined;
}

function byExplicitProvider(table: RoutingTable, model: string): Target | undefined {
  const slash = model.indexOf('/');
  if (slash < 1 || slash === model.length - 1) return undefined;
  const provider = activeProvider(table, model.slice(0, slash).toLowerCase());
  return provider && { provider, model: model.slice(slash + 1), because: 'explicit provider', fallbacks: [] };
}

function byPrefix(table: RoutingTable, prefixes: readonly ModelPrefix[], model: string): Target | undefined {
  const name = model.toLowerCase();
  for (const { prefix, providerId } of prefixes) {
    if (!name.startsWith(prefix)) continue;
    const provider = activeProvider(table, providerId);
    if (provider !== undefined) return { provider, model, because: `prefix ${prefix}`, fallbacks: [] };
  }
  return undefined;
}

function byDeclaration(table: RoutingTable, model: string): Target | undefined {
  const name = model.toLowerCase();
  for (const provider of table.providers.values()) {
    if (!provider.isActive || !provider.supportedModels.some((declared) => declared.toLowerCase() === name)) continue;
    return { provider, model, because: 'declared model', fallbacks: [] };
  }
  return undefined;
}

function activeProvider(table: RoutingTable, id: string): Provider | undefined {
  const provider = table.providers.get(id);
  return provider?.isActive === true ? provider : undefined;
}
