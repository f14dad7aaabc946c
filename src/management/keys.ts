// The resource /keys: what clients show to use the data plane. A key is shown when it is made and never again.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import { newId } from '../lib/id.ts';
import type { ClientKeyRow } from '../storage/storage.ts';
import { newApplication } from './application.ts';
import { checkSameId, existing, insertNew, missing, type Changes } from './changes.ts';
import { answer, failure, idParameter, pageQuery, requestBody } from './contract/common.ts';
import { takeNoFields } from './body.ts';
import { keyChange, keyPage, keyRotation, keySchema, newKey, shownKeySchema } from './contract/key.ts';
import { changedColumns, makeKey, newRow, presentKey } from './key-row.ts';
import { readPage } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';
import { deleteTranscriptsOf } from './transcripts.ts';

const tags = ['Client keys'];
const one = { 200: answer(keySchema, 'The client key.'), default: failure };

const listRoute = createRoute({
  method: 'get',
  path: '/keys',
  operationId: 'listKeys',
  tags,
  summary: 'List client keys',
  description: 'In order of id, which is the order in which they were made.',
  request: { query: pageQuery },
  responses: { 200: answer(keyPage, 'A page of client keys.'), default: failure },
});

const createRouteOfKey = createRoute({
  method: 'post',
  path: '/keys',
  operationId: 'createKey',
  tags,
  summary: 'Make a client key',
  description:
    'The answer holds the key itself, this once: the gateway keeps only its hash. From the first key on, every request to `/v1` needs one.',
  request: { body: requestBody(newKey) },
  responses: { 201: answer(shownKeySchema, 'The new client key.'), default: failure },
});

const readRoute = createRoute({
  method: 'get',
  path: '/keys/{id}',
  operationId: 'readKey',
  tags,
  summary: 'Read a client key',
  request: { params: idParameter },
  responses: one,
});

const changeRoutes = (['patch', 'put'] as const).map((method) =>
  createRoute({
    method,
    path: '/keys/{id}',
    operationId: method === 'patch' ? 'changeKey' : 'putKey',
    tags,
    summary: method === 'patch' ? 'Change a client key' : 'Change a client key (as PATCH)',
    description: 'Fields that are left out stay as they are; `PUT` does the same.',
    request: { params: idParameter, body: requestBody(keyChange) },
    responses: one,
  }),
);

const deleteRoute = createRoute({
  method: 'delete',
  path: '/keys/{id}',
  operationId: 'deleteKey',
  tags,
  summary: 'Delete a client key',
  description:
    'Its transcripts go with it. Running requests finish. Once the last key is deleted, a gateway on a loopback address needs none again; to keep it closed, revoke the key instead.',
  request: { params: idParameter },
  responses: { 204: { description: 'It is gone.' }, default: failure },
});

const revokeRoute = createRoute({
  method: 'post',
  path: '/keys/{id}/revoke',
  operationId: 'revokeKey',
  tags,
  summary: 'Revoke a client key',
  description: 'For good: it opens nothing any more. Running requests finish.',
  middleware: takeNoFields,
  request: { params: idParameter },
  responses: one,
});

const rotateRoute = createRoute({
  method: 'post',
  path: '/keys/{id}/rotate',
  operationId: 'rotateKey',
  tags,
  summary: 'Replace a client key',
  description:
    'The answer holds the new key, this once; all else stays as it is. The old key works on for the grace period; one that was replaced before it does not.',
  request: { params: idParameter, body: requestBody(keyRotation) },
  responses: { 200: answer(shownKeySchema, 'The client key.'), default: failure },
});

/** The routes of /keys. */
export function keyRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const { clock } = parts;
  const { clientKeys } = parts.storage;
  const app = newApplication();
  const present = (row: ClientKeyRow) => presentKey(row, clock.nowMs(), parts.keyUses.get(row.id));
  const read = (id: string): Promise<ClientKeyRow> => existing(clientKeys, 'client key', id);
  /** Writes what `change` makes of the row, and reads it again. */
  const update = async (
    id: string,
    change: (before: ClientKeyRow, now: string) => Partial<ClientKeyRow>,
  ): Promise<ClientKeyRow> => {
    const now = new Date(clock.nowMs()).toISOString();
    const columns = change(await read(id), now);
    if (!(await clientKeys.update(id, { ...columns, updated_at: now }))) throw missing('client key');
    return read(id);
  };

  app.openapi(listRoute, async (context) =>
    context.json(await readPage(clientKeys, context.req.valid('query'), present), 200),
  );

  app.openapi(createRouteOfKey, async (context) => {
    const body = context.req.valid('json');
    const made = makeKey();
    const row = newRow(body.id ?? newId('key', clock.nowMs()), body, made, clock.nowMs());
    await changes.run(context, row.id, () => insertNew(clientKeys, 'a client key', row));
    return context.json({ ...present(row), key: made.text }, 201);
  });

  app.openapi(readRoute, async (context) => context.json(present(await read(context.req.valid('param').id)), 200));

  for (const route of changeRoutes) {
    app.openapi(route, async (context) => {
      const { id } = context.req.valid('param');
      const { id: givenId, ...change } = context.req.valid('json');
      checkSameId(givenId, id);
      const row = await changes.run(context, id, () =>
        update(id, (before) => {
          if (change.is_active === true) checkNotRevoked(before);
          return changedColumns(before, change);
        }),
      );
      return context.json(present(row), 200);
    });
  }

  app.openapi(deleteRoute, async (context) => {
    const { id } = context.req.valid('param');
    await read(id);
    // Before it goes, too: broken off, the key is still there to be deleted again.
    await deleteTranscriptsOf(parts, id);
    await changes.run(context, id, async () => {
      if (!(await clientKeys.remove(id))) throw missing('client key');
    });
    await deleteTranscriptsOf(parts, id);
    return context.body(null, 204);
  });

  app.openapi(revokeRoute, async (context) => {
    const { id } = context.req.valid('param');
    const row = await changes.run(context, id, () =>
      update(id, (before, now) => ({
        is_active: false,
        revoked_at: before.revoked_at ?? now,
        previous_key_hash: null,
        previous_until: null,
      })),
    );
    return context.json(present(row), 200);
  });

  app.openapi(rotateRoute, async (context) => {
    const { id } = context.req.valid('param');
    const { grace_period_ms: graceMs } = context.req.valid('json');
    const made = makeKey();
    const row = await changes.run(context, id, () =>
      update(id, (before) => {
        checkNotRevoked(before);
        return {
          ...made.columns,
          previous_key_hash: graceMs === 0 ? null : before.key_hash,
          previous_until: graceMs === 0 ? null : new Date(clock.nowMs() + graceMs).toISOString(),
        };
      }),
    );
    return context.json({ ...present(row), key: made.text }, 200);
  });

  return app;
}

function checkNotRevoked(row: ClientKeyRow): void {
  if (row.revoked_at === null) return;
  throw new GatewayError('conflict', 'The client key is revoked for good; make another one with POST /api/v1/keys.');
}
