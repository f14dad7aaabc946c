// The resource /accounts: credentials at providers. A secret goes in and never comes out.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import { newId } from '../lib/id.ts';
import type { AccountRow } from '../storage/storage.ts';
import { presentAccount } from './account-answer.ts';
import { newApplication } from './application.ts';
import { checkSameId, existing, insertNew, missing, type Changes } from './changes.ts';
import {
  accountChange,
  accountPage,
  accountSchema,
  newAccount,
  type AccountChange,
  type NewAccount,
} from './contract/account.ts';
import { answer, failure, idParameter, pageQuery, requestBody } from './contract/common.ts';
import { checkCredential, mergedAuthData, sealedColumns, usableProvider } from './credentials.ts';
import { readPage } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';

const tags = ['Accounts'];
const one = { 200: answer(accountSchema, 'The account.'), default: failure };

const listRoute = createRoute({
  method: 'get',
  path: '/accounts',
  operationId: 'listAccounts',
  tags,
  summary: 'List accounts',
  description: 'In order of id, which is the order in which they were made.',
  request: { query: pageQuery },
  responses: { 200: answer(accountPage, 'A page of accounts.'), default: failure },
});

const createRouteOfAccount = createRoute({
  method: 'post',
  path: '/accounts',
  operationId: 'createAccount',
  tags,
  summary: 'Add an account',
  description: 'The credential is checked for its form and encrypted; `POST /accounts/{id}/test` tries it.',
  request: { body: requestBody(newAccount) },
  responses: { 201: answer(accountSchema, 'The new account, its credential masked.'), default: failure },
});

const readRoute = createRoute({
  method: 'get',
  path: '/accounts/{id}',
  operationId: 'readAccount',
  tags,
  summary: 'Read an account',
  request: { params: idParameter },
  responses: one,
});

const changeRoutes = (['patch', 'put'] as const).map((method) =>
  createRoute({
    method,
    path: '/accounts/{id}',
    operationId: method === 'patch' ? 'changeAccount' : 'putAccount',
    tags,
    summary: method === 'patch' ? 'Change an account' : 'Change an account (as PATCH)',
    description:
      'Fields that are left out stay as they are, those of `auth_data`, too; `PUT` does the same. A new credential ends every bench; another `provider_id` needs one.',
    request: { params: idParameter, body: requestBody(accountChange) },
    responses: one,
  }),
);

const deleteRoute = createRoute({
  method: 'delete',
  path: '/accounts/{id}',
  operationId: 'deleteAccount',
  tags,
  summary: 'Delete an account',
  description: 'Requests that it is serving run on to their end.',
  request: { params: idParameter },
  responses: { 204: { description: 'It is gone.' }, default: failure },
});

/** The routes of /accounts. */
export function accountRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const { storage } = parts;
  const app = newApplication();

  app.openapi(listRoute, async (context) => {
    const query = context.req.valid('query');
    return context.json(await readPage(storage.accounts, query, (row) => presentAccount(parts, row)), 200);
  });

  app.openapi(createRouteOfAccount, async (context) => {
    const body = context.req.valid('json');
    const id = body.id ?? newId('acc', parts.clock.nowMs());
    const row = await changes.run(context, id, () => createAccount(parts, id, body));
    return context.json(presentAccount(parts, row), 201);
  });

  app.openapi(readRoute, async (context) => {
    const row = await existing(storage.accounts, 'account', context.req.valid('param').id);
    return context.json(presentAccount(parts, row), 200);
  });

  for (const route of changeRoutes) {
    app.openapi(route, async (context) => {
      const { id } = context.req.valid('param');
      const { id: givenId, ...change } = context.req.valid('json');
      checkSameId(givenId, id);
      const row = await changes.run(context, id, () => changeAccount(parts, id, change));
      return context.json(presentAccount(parts, row), 200);
    });
  }

  app.openapi(deleteRoute, async (context) => {
    const { id } = context.req.valid('param');
    await changes.run(context, id, async () => {
      if (!(await storage.accounts.remove(id))) throw missing('account');
    });
    return context.body(null, 204);
  });

  return app;
}

async function createAccount(parts: ManagementParts, id: string, body: NewAccount): Promise<AccountRow> {
  const provider = await usableProvider(parts, body.provider_id);
  const credential = checkCredential(body.auth_data, provider);
  const now = new Date(parts.clock.nowMs()).toISOString();
  const row: AccountRow = {
    ...body,
    id,
    ...sealedColumns(parts.vault, id, credential),
    created_at: now,
    updated_at: now,
    last_used_at: null,
  };
  await insertNew(parts.storage.accounts, 'an account', row);
  return row;
}

async function changeAccount(
  parts: ManagementParts,
  id: string,
  { auth_data: authData, ...change }: Omit<AccountChange, 'id'>,
): Promise<AccountRow> {
  const { accounts } = parts.storage;
  const before = await existing(accounts, 'account', id);
  const providerId = change.provider_id ?? before.provider_id;
  if (providerId !== before.provider_id && authData === undefined) {
    await usableProvider(parts, providerId);
    const message = 'auth_data is required to move an account to another provider: its credential is not for that one.';
    throw new GatewayError('invalid_request', message, { param: 'auth_data' });
  }
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const whole =
    authData !== undefined && providerId === before.provider_id
      ? mergedAuthData(parts.vault, before, authData)
      : authData;
  const sealed =
    whole === undefined
      ? {}
      : sealedColumns(parts.vault, id, checkCredential(whole, await usableProvider(parts, providerId)));
  const updatedAt = new Date(parts.clock.nowMs()).toISOString();
  if (!(await accounts.update(id, { ...given, ...sealed, updated_at: updatedAt }))) throw missing('account');
  return existing(accounts, 'account', id);
}
