// The resource /route/explain: where a request would go and why, without sending it.
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { builtInProviders } from '../providers/registry.ts';
import { newApplication } from './application.ts';
import { answer, failure } from './contract/common.ts';
import { explanationSchema } from './contract/explanation.ts';
import type { Env, ManagementParts } from './parts.ts';

const exampleModel = builtInProviders[0]?.supported_models[0] ?? '';

const explainRoute = createRoute({
  method: 'post',
  path: '/route/explain',
  operationId: 'explainRoute',
  tags: ['Routes'],
  summary: 'Explain where a request would go',
  description:
    'Takes the body of a data-plane request and sends it nowhere. The answer comes from the very functions that choose the account.',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .looseObject({ model: z.string() })
            .openapi('DataPlaneRequest', { example: { model: exampleModel, messages: [] } }),
        },
      },
    },
  },
  responses: { 200: answer(explanationSchema, 'Where it would go.'), default: failure },
});

/** The routes of /route/explain. */
export function explainRoutes({ explain }: Pick<ManagementParts, 'explain'>): OpenAPIHono<Env> {
  const app = newApplication();
  app.openapi(explainRoute, async (context) => {
    const { candidates, order, ...whole } = explain(new Uint8Array(await context.req.arrayBuffer()));
    const shown = candidates.map(({ reasons, ...rest }) => ({ ...rest, reasons: [...reasons] }));
    return context.json({ ...whole, candidates: shown, order: [...order] }, 200);
  });
  return app;
}
