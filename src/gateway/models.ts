// `GET /v1/models`: what the active providers declare and the routes name, in OpenAI's list shape.
import type { Configuration } from '../core/configuration.ts';
import { GatewayError } from '../core/errors.ts';
import { targetOfRoute } from '../core/route.ts';

/** One model as OpenAI lists it. */
interface ModelObject {
  readonly id: string;
  readonly object: 'model';
  /** Seconds since the epoch; 0, because no provider declares it. */
  readonly created: 0;
  readonly owned_by: string;
}

/** All models that the client may ask for by name, sorted, each once. */
function listModels(configuration: Configuration, mayUse: (model: string) => boolean): ModelObject[] {
  const owners = new Map<string, string>();
  for (const route of configuration.routes) {
    if (route.pattern.includes('*')) continue;
    const target = targetOfRoute(configuration, route, route.pattern);
    if (target !== undefined) owners.set(route.pattern, target.provider.id);
  }
  for (const provider of configuration.providers.values()) {
    if (!provider.isActive) continue;
    for (const model of provider.supportedModels) if (!owners.has(model)) owners.set(model, provider.id);
  }
  return [...owners]
    .filter(([id]) => mayUse(id))
    .map(([id, owner]) => ({ id, object: 'model' as const, created: 0 as const, owned_by: owner }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The answer to `GET /v1/models` (`name` undefined) or `GET /v1/models/{name}`, for somebody who may use only some models. */
export function modelsAnswer(
  configuration: Configuration,
  name: string | undefined,
  mayUse: (model: string) => boolean,
): string {
  const models = listModels(configuration, mayUse);
  if (name === undefined) return JSON.stringify({ object: 'list', data: models });
  const found = models.find((model) => model.id === name);
  if (found !== undefined) return JSON.stringify(found);
  throw new GatewayError('model_not_found', `No active provider declares the model "${name}".`, { param: 'model' });
}
