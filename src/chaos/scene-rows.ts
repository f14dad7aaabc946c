// The configuration's rows as a scene needs them: every address a fake one, and the route with the fallbacks of the scene.
import type { Fallback } from '../core/route.ts';
import type { ProviderRow, RouteRow } from '../storage/storage.ts';
import type { Scene } from './scene.ts';
import type { Template } from './template.ts';

/** Provider id → the address that stands in for it. */
export type Addresses = (providerId: string) => string;

/** A place where the request may be served. */
export interface SceneStop {
  readonly providerId: string;
  /** The model's name there. */
  readonly model: string;
}

/** The scene's rows, once the addresses are known. */
export interface SceneRows {
  /** Where a request can go, the route's own target first. */
  readonly stops: readonly SceneStop[];
  readonly rows: (addresses: Addresses) => { readonly providers: ProviderRow[]; readonly routes: RouteRow[] };
}

/** The provider that is made up where a scene needs a fallback and the route has none at another provider. */
const sparePlace: ProviderRow = {
  id: 'chaos-fallback',
  name: 'Fallback of chaos',
  base_url: '',
  auth_type: 'api_key',
  auth_strategy: 'api_key',
  supported_models: [],
  is_active: true,
  config: {},
};

/** The rows for a scene. */
export function sceneRows(template: Template, { fallbacks: wanted = 'as configured' }: Scene): SceneRows {
  const { target, model } = template;
  const own: SceneStop = { providerId: target.provider.id, model: target.model };
  const active = new Set(template.providers.flatMap(({ id, is_active: isActive }) => (isActive ? [id] : [])));
  const configured = target.fallbacks.filter(({ provider_id: id }) => active.has(id));
  const fallbacks = { 'as configured': configured, none: [], 'another provider': elsewhere(configured, own) }[wanted];
  const isSpareNeeded = fallbacks.some(({ provider_id: id }) => id === sparePlace.id) && !active.has(sparePlace.id);
  const route: RouteRow = {
    id: 'rt_chaos',
    pattern: model,
    provider_id: own.providerId,
    model: own.model,
    fallbacks,
  };
  return {
    stops: [own, ...fallbacks.map((stop) => ({ providerId: stop.provider_id, model: stop.model ?? own.model }))],
    rows: (addresses) => ({
      providers: [...template.providers, ...(isSpareNeeded ? [sparePlace] : [])].map((row) =>
        disguised(row, addresses),
      ),
      routes: wanted === 'as configured' ? [...template.routes] : [route],
    }),
  };
}

function elsewhere(configured: readonly Fallback[], own: SceneStop): Fallback[] {
  const others = configured.filter(({ provider_id: id }) => id !== own.providerId);
  return others.length > 0 ? others : [{ provider_id: sparePlace.id, model: own.model }];
}

/** The provider at another address, with the fake keys' form; how its errors are judged and its streams asked stays. */
function disguised(row: ProviderRow, addresses: Addresses): ProviderRow {
  const kept = ['ask_stream_usage', 'failure_rules'].filter((name) => name in row.config);
  return {
    ...row,
    base_url: addresses(row.id),
    auth_type: sparePlace.auth_type,
    auth_strategy: sparePlace.auth_strategy,
    config: Object.fromEntries(kept.map((name) => [name, row.config[name]])),
  };
}
