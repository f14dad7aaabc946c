// The resource /prices: what tokens cost. List prices are read-only; the administrator's own win over them.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { withBuiltIns } from '../configuration/snapshot.ts';
import { GatewayError } from '../core/errors.ts';
import type { Price } from '../core/price.ts';
import { newId } from '../lib/id.ts';
import { openPriceBook } from '../prices/book.ts';
import { browse } from '../prices/browse.ts';
import { listPrices } from '../providers/registry.ts';
import { ConflictError, type PriceRow } from '../storage/storage.ts';
import { newApplication } from './application.ts';
import { checkSameId, existing, insertNew, missing, type Changes } from './changes.ts';
import { answer, failure, idParameter, requestBody } from './contract/common.ts';
import {
  newPrice,
  priceChange,
  pricePage,
  priceQuery,
  priceSchema,
  type NewPrice,
  type PriceAnswer,
  type PriceChange,
} from './contract/price.ts';
import { idOfCursor, pageOfRows, readAll } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';
import { checkPlausible } from './price-check.ts';
import { columnsOf, emptyRow, presentPrice, priceOfRow } from './price-rows.ts';

const tags = ['Prices'];
/** Since when a price holds whose model had none: calls that were made before can be priced by it. */
const sinceEver = new Date(0).toISOString();
const one = { 200: answer(priceSchema, 'The price.'), default: failure };

const listRoute = createRoute({
  method: 'get',
  path: '/prices',
  operationId: 'listPrices',
  tags,
  summary: 'List prices',
  description:
    'In order of id, the list prices and your own together. All amounts are US dollars for a million tokens.',
  request: { query: priceQuery },
  responses: { 200: answer(pricePage, 'A page of prices.'), default: failure },
});

const createRouteOfPrice = createRoute({
  method: 'post',
  path: '/prices',
  operationId: 'createPrice',
  tags,
  summary: 'Add a price of your own',
  description:
    'It holds from `effective_from` on, before every list price. Where none is given that is now, and since ever where its model has had no price in its tier. Calls of the past keep their cost until they are priced again with `/prices/reprice`.',
  request: { body: requestBody(newPrice) },
  responses: { 201: answer(priceSchema, 'The new price.'), default: failure },
});

const readRoute = createRoute({
  method: 'get',
  path: '/prices/{id}',
  operationId: 'readPrice',
  tags,
  summary: 'Read a price',
  request: { params: idParameter },
  responses: one,
});

const changeRoutes = (['patch', 'put'] as const).map((method) =>
  createRoute({
    method,
    path: '/prices/{id}',
    operationId: method === 'patch' ? 'changePrice' : 'putPrice',
    tags,
    summary: method === 'patch' ? 'Change a price of your own' : 'Change a price of your own (as PATCH)',
    description: 'Fields that are left out stay as they are; `PUT` does the same.',
    request: { params: idParameter, body: requestBody(priceChange) },
    responses: one,
  }),
);

const deleteRoute = createRoute({
  method: 'delete',
  path: '/prices/{id}',
  operationId: 'deletePrice',
  tags,
  summary: 'Delete a price of your own',
  description: 'What it stood before is in force again.',
  request: { params: idParameter },
  responses: { 204: { description: 'It is gone.' }, default: failure },
});

/** The routes of /prices. */
export function priceRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const { storage } = parts;
  const app = newApplication();

  app.openapi(listRoute, async (context) => {
    const { limit, cursor, model, provider_id: providerId, at } = context.req.valid('query');
    const after = idOfCursor(cursor) ?? '';
    const rows = new Map((await readAll(storage.prices)).map((row) => [row.id, row]));
    const filter = { model, providerId, atMs: at === undefined ? undefined : Date.parse(at) };
    const prices = browse(listPrices, [...rows.values()].map(priceOfRow), filter).filter(({ id }) => id > after);
    return context.json(
      pageOfRows(prices, limit, (price) => {
        const row = rows.get(price.id);
        return presentPrice({ price, ...(row !== undefined && { row }) }, listPrices.asOf);
      }),
      200,
    );
  });

  app.openapi(createRouteOfPrice, async (context) => {
    const { id: givenId, ...body } = context.req.valid('json');
    const id = givenId ?? newId('pr', parts.clock.nowMs());
    const row = await changes.run(context, id, () => createPrice(parts, id, body));
    return context.json(present(row), 201);
  });

  app.openapi(readRoute, async (context) => {
    const { id } = context.req.valid('param');
    const listed = listPrices.prices.find((price) => price.id === id);
    if (listed !== undefined) return context.json(presentPrice({ price: listed }, listPrices.asOf), 200);
    return context.json(present(await existing(storage.prices, 'price', id)), 200);
  });

  for (const route of changeRoutes) {
    app.openapi(route, async (context) => {
      const { id } = context.req.valid('param');
      const { id: givenId, ...change } = context.req.valid('json');
      checkSameId(givenId, id);
      checkOwn(id);
      const row = await changes.run(context, id, () => changePrice(parts, id, change));
      return context.json(present(row), 200);
    });
  }

  app.openapi(deleteRoute, async (context) => {
    const { id } = context.req.valid('param');
    checkOwn(id);
    await changes.run(context, id, async () => {
      if (!(await storage.prices.remove(id))) throw missing('price');
    });
    return context.body(null, 204);
  });

  return app;
}

function present(row: PriceRow): PriceAnswer {
  return presentPrice({ price: priceOfRow(row), row }, listPrices.asOf);
}

/** A list price can be stood before, not changed. */
function checkOwn(id: string): void {
  if (!listPrices.prices.some((price) => price.id === id)) return;
  throw new GatewayError(
    'conflict',
    `The price "${id}" is built in and cannot be changed; add one of your own for its model (POST /api/v1/prices), which wins.`,
  );
}

async function createPrice(
  parts: ManagementParts,
  id: string,
  { confirm, effective_from: effectiveFrom, ...body }: Omit<NewPrice, 'id'>,
): Promise<PriceRow> {
  const { storage, clock } = parts;
  const now = new Date(clock.nowMs()).toISOString();
  const row: PriceRow = {
    ...emptyRow,
    ...columnsOf(body),
    id,
    model: body.model,
    effective_from: effectiveFrom ?? now,
    created_at: now,
  };
  checkSaysSomething(row);
  await checkProvider(parts, row.provider_id);
  const others = (await readAll(storage.prices)).map(priceOfRow);
  const price = priceOfRow(row);
  if (!confirm) checkPlausible(price, { others });
  const isFirst = effectiveFrom === undefined && !hasPrice(others, price);
  const kept = isFirst ? { ...row, effective_from: sinceEver } : row;
  await withFreePlace(() => insertNew(storage.prices, 'a price', kept));
  return kept;
}

/** Whether calls that a new price is for have one at its beginning. */
function hasPrice(others: readonly Price[], { providerId, model, tier, fromMs }: Price): boolean {
  const book = openPriceBook(listPrices, others);
  return book.priceOf({ providerId: providerId ?? '', model, serviceTier: tier, atMs: fromMs }) !== null;
}

async function changePrice(
  parts: ManagementParts,
  id: string,
  { confirm, ...change }: Omit<PriceChange, 'id'>,
): Promise<PriceRow> {
  const { storage } = parts;
  const before = await existing(storage.prices, 'price', id);
  const columns = columnsOf(change);
  const row: PriceRow = { ...before, ...columns };
  checkSaysSomething(row);
  if (columns.provider_id !== undefined) await checkProvider(parts, columns.provider_id);
  const others = (await readAll(storage.prices)).filter((other) => other.id !== id).map(priceOfRow);
  if (!confirm) checkPlausible(priceOfRow(row), { others, before: priceOfRow(before) });
  await withFreePlace(() => storage.prices.update(id, columns));
  return existing(storage.prices, 'price', id);
}

function checkSaysSomething(row: PriceRow): void {
  const rates = Object.entries(row).filter(([column]) => column.endsWith('_nano_usd'));
  if (rates.some(([, rate]) => rate !== null)) return;
  throw new GatewayError('invalid_request', 'input is required, or another of the amounts: a price must name one.', {
    param: 'input',
  });
}

async function checkProvider({ storage }: ManagementParts, id: string | null): Promise<void> {
  if (id === null || withBuiltIns([]).some((row) => row.id === id)) return;
  if ((await storage.providers.get(id)) !== undefined) return;
  const message = `provider_id must be a provider, or null for all; there is no "${id}" among /api/v1/providers.`;
  throw new GatewayError('invalid_request', message, { param: 'provider_id' });
}

async function withFreePlace(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const message =
      'There is a price of yours for this model, provider, tier and moment already; change it with PATCH.';
    throw new GatewayError('conflict', message, { param: 'effective_from' });
  }
}
