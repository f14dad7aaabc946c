// `GET /v1/models`: what the active providers declare and the routes name, in OpenAI's list shape.
import type { Configuration } from '../core/configuration.ts';
import { GatewayError } from '../core/errors.ts';
import type { ModelPrefix } from '../core/provider.ts';
import { findTarget, targetOfRoute } from '../core/route.ts';

/** One model as OpenAI lists it. */
interface ModelObject {
  readonly id: string;
  readonly object: 'model';
  /** Seconds since the epoch; 0, because no provider declares it. */
  readonly created: 0;
  readonly owned_by: string;
}

/** All models that the client may ask for by name, sorted, each once in whatever case; owned by whoever would serve it. */
function listModels(
  configuration: Configuration,
  prefixes: readonly ModelPrefix[],
  mayUse: (model: string) => boolean,
): ModelObject[] {
  const names = new Map<string, string>();
  const add = (name: string): void => {
    const key = name.toLowerCase();
    if (!names.has(key)) names.set(key, name);
  };
  for (const route of configuration.routes) {
    const { pattern } = route;
    if (!pattern.includes('*') && targetOfRoute(configuration, route, pattern) !== undefined) add(pattern);
  }
  for (const provider of configuration.providers.values()) {
    if (provider.isActive) provider.supportedModels.forEach(add);
  }
  return [...names.values()]
    .filter(mayUse)
    .flatMap((id) => {
      // A route or a prefix may lead elsewhere than to the provider that declares it.
      const owner = findTarget(configuration, prefixes, id)?.provider.id;
      return owner === undefined ? [] : [{ id, object: 'model' as const, created: 0 as const, owned_by: owner }];
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The answer to `GET /v1/models` (`name` undefined) or `GET /v1/models/{name}`, for somebody who may use only some models. */
export function modelsAnswer(
  configuration: Configuration,
  prefixes: readonly ModelPrefix[],
  name: string | undefined,
  mayUse: (model: string) => boolean,
): string {
  const models = listModels(configuration, prefixes, mayUse);
  if (name === undefined) return JSON.stringify({ object: 'list', data: models });
  const found = models.find(({ id }) => id.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return JSON.stringify(found);
  throw new GatewayError('model_not_found', `No active provider declares the model "${name}".`, { param: 'model' });
}
