// Route: where the model leads, or a clear word that it leads nowhere.
import type { Configuration } from '../core/configuration.ts';
import { GatewayError } from '../core/errors.ts';
import type { ModelPrefix } from '../core/provider.ts';
import { findTarget, type Target } from '../core/route.ts';

/** The target of `model`; throws `model_not_found` where there is none. */
export function routeModel(configuration: Configuration, prefixes: readonly ModelPrefix[], model: string): Target {
  const target = findTarget(configuration, prefixes, model);
  if (target !== undefined) return target;
  throw new GatewayError(
    'model_not_found',
    `No route leads from the model "${model}" to an active provider; check the name, or add a route with POST /api/v1/routes.`,
    { param: 'model' },
  );
}
