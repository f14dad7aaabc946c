// The resource /providers: vendors' APIs and where they are. Built-in ones exist without a row.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { withBuiltIns } from '../configuration/snapshot.ts';
import { GatewayError } from '../core/errors.ts';
import { baseUrlProblem } from '../providers/base-url.ts';
import type { ProviderRow } from '../storage/storage.ts';
import { newApplication } from './application.ts';
import { checkSameId, insertNew, missing, type Changes } from './changes.ts';
import { answer, failure, idParameter, pageQuery, requestBody } from './contract/common.ts';
import {
  newProvider,
  providerChange,
  providerPage,
  providerSchema,
  type ProviderAnswer,
  type ProviderChange,
} from './contract/provider.ts';
import { idOfCursor, pageOfRows, readAll } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';

const tags = ['Providers'];
const one = { 200: answer(providerSchema, 'The provider.'), default: failure };

const listRoute = createRoute({
  method: 'get',
  path: '/providers',
  operationId: 'listProviders',
  tags,
  summary: 'List providers',
  description: 'In order of id, the built-in ones included.',
  request: { query: pageQuery },
  responses: { 200: answer(providerPage, 'A page of providers.'), default: failure },
});

const createRouteOfProvider = createRoute({
  method: 'post',
  path: '/providers',
  operationId: 'createProvider',
  tags,
  summary: 'Add a provider',
  description: 'The id of a built-in provider overrides it.',
  request: { body: requestBody(newProvider) },
  responses: { 201: answer(providerSchema, 'The new provider.'), default: failure },
});

const readRoute = createRoute({
  method: 'get',
  path: '/providers/{id}',
  operationId: 'readProvider',
  tags,
  summary: 'Read a provider',
  request: { params: idParameter },
  responses: one,
});

const changeRoutes = (['patch', 'put'] as const).map((method) =>
  createRoute({
    method,
    path: '/providers/{id}',
    operationId: method === 'patch' ? 'changeProvider' : 'putProvider',
    tags,
    summary: method === 'patch' ? 'Change a provider' : 'Change a provider (as PATCH)',
    description:
      'Fields that are left out stay as they are; `PUT` does the same. Changing a built-in provider overrides it.',
    request: { params: idParameter, body: requestBody(providerChange) },
    responses: one,
  }),
);

const deleteRoute = createRoute({
  method: 'delete',
  path: '/providers/{id}',
  operationId: 'deleteProvider',
  tags,
  summary: 'Delete a provider',
  description: 'Deleting what overrides a built-in provider brings the built-in one back.',
  request: { params: idParameter },
  responses: { 204: { description: 'It is gone.' }, default: failure },
});

/** The routes of /providers. */
export function providerRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const { storage } = parts;
  const app = newApplication();

  app.openapi(listRoute, async (context) => {
    const { limit, cursor } = context.req.valid('query');
    const after = idOfCursor(cursor) ?? '';
    const rows = withBuiltIns(await readAll(storage.providers))
      .filter(({ id }) => id > after)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return context.json(pageOfRows(rows, limit, present), 200);
  });

  app.openapi(createRouteOfProvider, async (context) => {
    const body = context.req.valid('json');
    const row = { ...(builtIn(body.id) ?? bareProvider(body.id)), ...onlyGiven(body) };
    checkAddress(row);
    await changes.run(context, row.id, () => insertNew(storage.providers, 'a provider', row));
    return context.json(present(row), 201);
  });

  app.openapi(readRoute, async (context) => {
    const { id } = context.req.valid('param');
    const row = (await storage.providers.get(id)) ?? builtIn(id);
    if (row === undefined) throw missing('provider');
    return context.json(present(row), 200);
  });

  for (const route of changeRoutes) {
    app.openapi(route, async (context) => {
      const { id } = context.req.valid('param');
      const { id: givenId, ...change } = context.req.valid('json');
      checkSameId(givenId, id);
      const row = await changes.run(context, id, () => changeProvider(parts, id, change));
      return context.json(present(row), 200);
    });
  }

  app.openapi(deleteRoute, async (context) => {
    const { id } = context.req.valid('param');
    await changes.run(context, id, () => removeProvider(parts, id));
    return context.body(null, 204);
  });

  return app;
}

/** What a provider is where its row does not say. */
function bareProvider(id: string): Omit<ProviderRow, 'base_url'> {
  return {
    id,
    name: id,
    auth_type: 'api_key',
    auth_strategy: 'api_key',
    supported_models: [],
    is_active: true,
    config: {},
  };
}

/** The fields that a body holds. */
function onlyGiven<Body extends object>(body: Body): { [Field in keyof Body]: Exclude<Body[Field], undefined> } {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as never;
}

function builtIn(id: string): ProviderRow | undefined {
  return withBuiltIns([]).find((row) => row.id === id);
}

function checkAddress(row: Pick<ProviderRow, 'base_url' | 'config'>): void {
  const problem = baseUrlProblem(row.base_url, row.config['allow_private'] === true);
  if (problem === undefined) return;
  throw new GatewayError('invalid_request', `base_url ${problem}.`, { param: 'base_url' });
}

async function changeProvider(
  { storage }: ManagementParts,
  id: string,
  change: Omit<ProviderChange, 'id'>,
): Promise<ProviderRow> {
  const written = await storage.providers.get(id);
  const before = written ?? builtIn(id);
  if (before === undefined) throw missing('provider');
  const given = onlyGiven(change);
  const row: ProviderRow = { ...before, ...given };
  if (change.base_url !== undefined || change.config !== undefined) checkAddress(row);
  if (written === undefined) await storage.providers.insert(row);
  else if (!(await storage.providers.update(id, given))) throw missing('provider');
  return row;
}

async function removeProvider({ storage }: ManagementParts, id: string): Promise<void> {
  const isBuiltIn = builtIn(id) !== undefined;
  if (!isBuiltIn) await checkUnused({ storage }, id);
  if (await storage.providers.remove(id)) return;
  if (!isBuiltIn) throw missing('provider');
  throw new GatewayError(
    'conflict',
    `The provider "${id}" is built in and cannot be deleted; set is_active to false to switch it off.`,
  );
}

/** Nothing may be left that belongs to it or leads to it. */
async function checkUnused({ storage }: Pick<ManagementParts, 'storage'>, id: string): Promise<void> {
  const accounts = (await readAll(storage.accounts)).filter((row) => row.provider_id === id).length;
  const routes = (await readAll(storage.routes)).filter(
    (row) => row.provider_id === id || row.fallbacks.some((to) => (to as { provider_id?: unknown }).provider_id === id),
  ).length;
  if (accounts === 0 && routes === 0) return;
  throw new GatewayError(
    'conflict',
    `The provider "${id}" is used by ${numberOf(accounts, 'account')} and ${numberOf(routes, 'route')}; delete or change them first.`,
  );
}

function numberOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function present(row: ProviderRow): ProviderAnswer {
  return { ...row, supported_models: [...row.supported_models], config: { ...row.config } };
}
