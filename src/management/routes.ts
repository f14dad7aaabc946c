// The resource /routes: a user's own rules from model names to providers.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { withBuiltIns } from '../configuration/snapshot.ts';
import { GatewayError } from '../core/errors.ts';
import type { Fallback } from '../core/route.ts';
import { newId } from '../lib/id.ts';
import { ConflictError, type RouteRow } from '../storage/storage.ts';
import { newApplication } from './application.ts';
import { checkSameId, existing, insertNew, missing, type Changes } from './changes.ts';
import { answer, failure, idParameter, pageQuery, requestBody } from './contract/common.ts';
import { newRoute, routeChange, routePage, routeSchema, type RouteAnswer } from './contract/route.ts';
import { readPage } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';

const tags = ['Routes'];
const one = { 200: answer(routeSchema, 'The route.'), default: failure };

const listRoute = createRoute({
  method: 'get',
  path: '/routes',
  operationId: 'listRoutes',
  tags,
  summary: 'List routes',
  description: 'In order of id, which is the order in which they were made.',
  request: { query: pageQuery },
  responses: { 200: answer(routePage, 'A page of routes.'), default: failure },
});

const createRouteOfModels = createRoute({
  method: 'post',
  path: '/routes',
  operationId: 'createRoute',
  tags,
  summary: 'Add a route',
  request: { body: requestBody(newRoute) },
  responses: { 201: answer(routeSchema, 'The new route.'), default: failure },
});

const readRoute = createRoute({
  method: 'get',
  path: '/routes/{id}',
  operationId: 'readRoute',
  tags,
  summary: 'Read a route',
  request: { params: idParameter },
  responses: one,
});

const changeRoutes = (['patch', 'put'] as const).map((method) =>
  createRoute({
    method,
    path: '/routes/{id}',
    operationId: method === 'patch' ? 'changeRoute' : 'putRoute',
    tags,
    summary: method === 'patch' ? 'Change a route' : 'Change a route (as PATCH)',
    description: 'Fields that are left out stay as they are; `PUT` does the same.',
    request: { params: idParameter, body: requestBody(routeChange) },
    responses: one,
  }),
);

const deleteRoute = createRoute({
  method: 'delete',
  path: '/routes/{id}',
  operationId: 'deleteRoute',
  tags,
  summary: 'Delete a route',
  request: { params: idParameter },
  responses: { 204: { description: 'It is gone.' }, default: failure },
});

/** The routes of /routes. */
export function routeRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const { storage } = parts;
  const app = newApplication();

  app.openapi(listRoute, async (context) =>
    context.json(await readPage(storage.routes, context.req.valid('query'), present), 200),
  );

  app.openapi(createRouteOfModels, async (context) => {
    const body = context.req.valid('json');
    const row = { ...body, id: body.id ?? newId('rt', parts.clock.nowMs()) };
    await changes.run(context, row.id, async () => {
      await checkProviders(parts, row);
      await withFreePattern(row.pattern, () => insertNew(storage.routes, 'a route', row));
    });
    return context.json(present(row), 201);
  });

  app.openapi(readRoute, async (context) =>
    context.json(present(await existing(storage.routes, 'route', context.req.valid('param').id)), 200),
  );

  for (const route of changeRoutes) {
    app.openapi(route, async (context) => {
      const { id } = context.req.valid('param');
      const { id: givenId, ...change } = context.req.valid('json');
      checkSameId(givenId, id);
      const row = await changes.run(context, id, async () => {
        await existing(storage.routes, 'route', id);
        await checkProviders(parts, change);
        const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
        await withFreePattern(change.pattern, () => storage.routes.update(id, given));
        return existing(storage.routes, 'route', id);
      });
      return context.json(present(row), 200);
    });
  }

  app.openapi(deleteRoute, async (context) => {
    const { id } = context.req.valid('param');
    await changes.run(context, id, async () => {
      if (!(await storage.routes.remove(id))) throw missing('route');
    });
    return context.body(null, 204);
  });

  return app;
}

/** Every provider that a route names must exist. */
async function checkProviders(
  { storage }: ManagementParts,
  route: { readonly provider_id?: string | undefined; readonly fallbacks?: readonly Fallback[] | undefined },
): Promise<void> {
  const named = [
    { id: route.provider_id, param: 'provider_id' },
    ...(route.fallbacks ?? []).map((fallback, n) => ({
      id: fallback.provider_id,
      param: `fallbacks.${n}.provider_id`,
    })),
  ];
  for (const { id, param } of named) {
    if (id === undefined || withBuiltIns([]).some((row) => row.id === id)) continue;
    if ((await storage.providers.get(id)) !== undefined) continue;
    const message = `${param} must be a provider; there is no "${id}" among /api/v1/providers.`;
    throw new GatewayError('invalid_request', message, { param });
  }
}

async function withFreePattern(pattern: string | undefined, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    throw new GatewayError('conflict', `There is a route for the pattern "${pattern}" already.`, { param: 'pattern' });
  }
}

function present(row: RouteRow): RouteAnswer {
  return { ...row, fallbacks: row.fallbacks.map((fallback) => fallback as RouteAnswer['fallbacks'][number]) };
}
