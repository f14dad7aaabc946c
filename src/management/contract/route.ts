// The route resource as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { fallbackSchema } from '../../configuration/row-schemas.ts';
import { builtInProviders } from '../../providers/registry.ts';
import { pageOf, shortText } from './common.ts';

const [exampleProvider] = builtInProviders;

const fields = {
  pattern: z
    .string()
    .max(200)
    .regex(/^\S+$/, 'must be a model name without white space')
    .describe(
      'The model names that it takes, `*` for any run of characters; case does not matter. The longest match wins, an exact name before every pattern.',
    )
    .meta({ example: 'gpt-4*' }),
  provider_id: shortText(64).describe('The provider that serves them.').meta({ example: exampleProvider?.id }),
  model: shortText(200)
    .nullable()
    .describe("The model's name there; null: the client's own.")
    .meta({ example: exampleProvider?.supported_models[0] }),
  fallbacks: z
    .array(z.strictObject(fallbackSchema.shape))
    .max(20)
    .describe(
      'Where to go, in this order, when the target cannot serve and nothing was sent to the client yet; replaced as a whole.',
    )
    .meta({ example: [] }),
};

const id = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be letters, digits, "-", "_" and "."')
  .meta({ example: 'rt_01jd5xk2mp4q8r6s0t3v7w9yz' });

/** A route as it is answered. */
export const routeSchema = z.object({ id, ...fields }).openapi('Route');

/** A page of routes. */
export const routePage = pageOf('RoutePage', routeSchema);

/** The body of POST. */
export const newRoute = z
  .strictObject({
    id: id.describe('Made by the gateway where absent.').optional(),
    ...fields,
    model: fields.model.default(null),
    fallbacks: fields.fallbacks.default([]),
  })
  .openapi('NewRoute', {
    example: { pattern: 'gpt-4*', provider_id: exampleProvider?.id, model: exampleProvider?.supported_models[1] },
  });

/** The body of PATCH and PUT. */
export const routeChange = z
  .strictObject({ id: id.describe('May be repeated, not changed.'), ...fields })
  .partial()
  .openapi('RouteChange', { example: { model: exampleProvider?.supported_models[1] } });

export type RouteAnswer = z.infer<typeof routeSchema>;
