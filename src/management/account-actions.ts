// What can be done with an account beyond changing its fields: test, rotate, drain, unbench.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { poolMemory, remember } from '../pool/memory.ts';
import type { AccountRow } from '../storage/storage.ts';
import type { ProbeResult } from '../upstream/probe.ts';
import { presentAccount, problemOf } from './account-answer.ts';
import { newApplication } from './application.ts';
import { existing, type Changes } from './changes.ts';
import { takeNoFields } from './body.ts';
import { accountSchema, rotation, testResult } from './contract/account.ts';
import { answer, failure, idParameter, requestBody } from './contract/common.ts';
import { checkCredential, mergedAuthData, sealedColumns, usableProvider } from './credentials.ts';
import type { Env, ManagementParts } from './parts.ts';

const tags = ['Accounts'];
const one = { 200: answer(accountSchema, 'The account.'), default: failure };

const testRoute = createRoute({
  method: 'post',
  path: '/accounts/{id}/test',
  operationId: 'testAccount',
  tags,
  summary: 'Test an account',
  description: 'Lists its models upstream, which costs nothing. A success lifts every bench.',
  middleware: takeNoFields,
  request: { params: idParameter },
  responses: { 200: answer(testResult, 'What the test found, good or bad.'), default: failure },
});

const rotateRoute = createRoute({
  method: 'post',
  path: '/accounts/{id}/rotate',
  operationId: 'rotateAccount',
  tags,
  summary: 'Replace the credential of an account',
  description:
    'The new credential is tried first, and nothing is changed unless the upstream accepts it. New requests use it; running ones finish with the old one.',
  request: { params: idParameter, body: requestBody(rotation) },
  responses: one,
});

const drainRoute = createRoute({
  method: 'post',
  path: '/accounts/{id}/drain',
  operationId: 'drainAccount',
  tags,
  summary: 'Drain an account',
  description:
    'Sets its weight to 0: it gets no new requests, and running ones finish. `POST /accounts/{id}/undrain` takes it back.',
  middleware: takeNoFields,
  request: { params: idParameter },
  responses: one,
});

const undrainRoute = createRoute({
  method: 'post',
  path: '/accounts/{id}/undrain',
  operationId: 'undrainAccount',
  tags,
  summary: 'Put a drained account to work again',
  description: 'Gives it the weight back that it had before `drain`, or 1 where none is known.',
  middleware: takeNoFields,
  request: { params: idParameter },
  responses: one,
});

const unbenchRoute = createRoute({
  method: 'post',
  path: '/accounts/{id}/unbench',
  operationId: 'unbenchAccount',
  tags,
  summary: 'Lift the benches of an account',
  description: 'It may serve again at once, whatever it was benched for.',
  middleware: takeNoFields,
  request: { params: idParameter },
  responses: one,
});

/** The routes below /accounts/{id}. */
export function accountActionRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const { accounts } = parts.storage;
  const app = newApplication();

  app.openapi(testRoute, async (context) => {
    const { id } = context.req.valid('param');
    await existing(accounts, 'account', id);
    const result = await testAccount(parts, id);
    if (result.ok) await unbench(parts, id);
    const { ok, status, models, message, durationMs } = result;
    return context.json({ ok, status, models: [...models], message, duration_ms: durationMs }, 200);
  });

  app.openapi(rotateRoute, async (context) => {
    const { id } = context.req.valid('param');
    const row = await existing(accounts, 'account', id);
    const provider = await usableProvider(parts, row.provider_id);
    const { auth_data: authData } = context.req.valid('json');
    const credential = checkCredential(mergedAuthData(parts.vault, row, authData), provider);
    const { organization, project } = row;
    const probed = { authHeaders: (secret: Secret) => credential.strategy.headers(secret), organization, project };
    checkAccepted(await parts.probe(provider, probed, credential.credential), `auth_data.${credential.field}`);
    const after = await changes.run(context, id, async () => {
      // While its new credential was tried the account may have moved, or got an admin key.
      const now = await existing(accounts, 'account', id);
      if (now.provider_id !== row.provider_id) {
        throw new GatewayError('conflict', 'The account was moved to another provider meanwhile; nothing was changed.');
      }
      const whole = checkCredential(mergedAuthData(parts.vault, now, authData), provider);
      const updatedAt = new Date(parts.clock.nowMs()).toISOString();
      await accounts.update(id, { ...sealedColumns(parts.vault, id, whole), updated_at: updatedAt });
      return existing(accounts, 'account', id);
    });
    return context.json(presentAccount(parts, after), 200);
  });

  app.openapi(drainRoute, async (context) => {
    const { id } = context.req.valid('param');
    const row = await changes.run(context, id, async () => {
      const { weight } = await existing(accounts, 'account', id);
      if (weight > 0) await parts.storage.writeNote(weightNote(id), String(weight));
      return setWeight(parts, id, 0);
    });
    return context.json(presentAccount(parts, row), 200);
  });

  app.openapi(undrainRoute, async (context) => {
    const { id } = context.req.valid('param');
    const row = await changes.run(context, id, async () => {
      const found = await existing(accounts, 'account', id);
      if (found.weight > 0) return found;
      return setWeight(parts, id, Number((await parts.storage.readNote(weightNote(id))) ?? 1));
    });
    return context.json(presentAccount(parts, row), 200);
  });

  app.openapi(unbenchRoute, async (context) => {
    const { id } = context.req.valid('param');
    const row = await changes.run(context, id, async () => {
      const found = await existing(accounts, 'account', id);
      await unbench(parts, id);
      return found;
    });
    return context.json(presentAccount(parts, row), 200);
  });

  return app;
}

/** What was noted before of the benches goes, too: a gateway that starts next would take them over. */
async function unbench({ pool, storage, clock }: ManagementParts, id: string): Promise<void> {
  pool.unbench(id);
  await storage.writeNote(poolMemory, remember(pool, clock.nowMs()));
}

/** The name of the note that keeps the weight of a drained account. */
function weightNote(id: string): string {
  return `weight_before_drain ${id}`;
}

async function setWeight({ storage, clock }: ManagementParts, id: string, weight: number): Promise<AccountRow> {
  await storage.accounts.update(id, { weight, updated_at: new Date(clock.nowMs()).toISOString() });
  return existing(storage.accounts, 'account', id);
}

/** Tries an account's own credential; one that cannot even be used is a result as well. */
async function testAccount(parts: ManagementParts, id: string): Promise<ProbeResult> {
  // What another program changed a moment ago is tested as it is now.
  await parts.configuration.reload();
  const configuration = parts.configuration.current();
  const account = configuration.accounts.find((candidate) => candidate.id === id);
  const provider = configuration.providers.get(account?.providerId ?? '');
  if (account === undefined || provider === undefined) {
    const problem = problemOf(parts, id) ?? 'is not in force';
    return { ok: false, status: null, models: [], message: `The account ${problem}.`, durationMs: 0 };
  }
  return parts.probe(provider, account, account.credential);
}

/** Throws unless the upstream accepted the credential: as the caller's mistake where it said no to it. */
function checkAccepted(result: ProbeResult, param: string): void {
  if (result.ok) return;
  const said = result.message ?? 'no reason given';
  if (result.status === 401 || result.status === 403) {
    throw new GatewayError(
      'invalid_request',
      `The upstream refused the new key, and nothing was changed. It said: ${said}`,
      { param },
    );
  }
  throw new GatewayError(
    'upstream_unavailable',
    `The new key could not be tried, and nothing was changed. What happened: ${said}`,
  );
}
