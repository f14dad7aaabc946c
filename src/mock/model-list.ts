// `GET /v1/models` and `GET /v1/models/{model}`.
import { isModel, KNOWN_MODELS } from './models.ts';
import { unknownModel } from './refusals.ts';
import { jsonReply, type Reply } from './reply.ts';

/** The models that this key may use. */
export function listModels(allowed: readonly string[] | undefined): Reply {
  const names = allowed ?? Object.keys(KNOWN_MODELS);
  return jsonReply({ object: 'list', data: names.map(modelObject) });
}

/** One model, or 404 `model_not_found`. */
export function showModel(name: string, allowed: readonly string[] | undefined): Reply {
  const isVisible = isModel(name) && (allowed === undefined || allowed.includes(name));
  return isVisible ? jsonReply(modelObject(name)) : unknownModel(name);
}

function modelObject(id: string): unknown {
  return { id, object: 'model', created: KNOWN_MODELS[id]?.created ?? 1_700_000_000, owned_by: 'system' };
}
