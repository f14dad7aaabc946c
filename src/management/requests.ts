// The resource /requests: what was asked, who served it, what it used and cost.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { writeUsd } from '../core/money.ts';
import type { TokenUsage, UsageSource } from '../core/usage.ts';
import { findTimeZone } from '../lib/time-zone.ts';
import type { LedgerAttemptRow, LedgerEntry } from '../storage/ledger-store.ts';
import { newApplication } from './application.ts';
import { missing } from './changes.ts';
import { answer, failure, idParameter } from './contract/common.ts';
import { usageFieldNames } from './contract/ledger.ts';
import { requestPage, requestQuery, requestSchema, type RequestAnswer } from './contract/request.ts';
import { catchUp } from './ledger-access.ts';
import { checkOrder, readMoment } from './moments.ts';
import { idOfCursor, pageOfRows } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';

const tags = ['Requests'];

const listRoute = createRoute({
  method: 'get',
  path: '/requests',
  operationId: 'listRequests',
  tags,
  summary: 'List requests',
  description:
    'The newest first, with all their attempts. A request that a client has its answer of is in the list. Days in `from` and `to` are those of UTC.',
  request: { query: requestQuery },
  responses: { 200: answer(requestPage, 'A page of requests.'), default: failure },
});

const readRoute = createRoute({
  method: 'get',
  path: '/requests/{id}',
  operationId: 'readRequest',
  tags,
  summary: 'Read a request',
  request: { params: idParameter },
  responses: { 200: answer(requestSchema, 'The request.'), default: failure },
});

/** The routes of /requests. */
export function requestRoutes(parts: ManagementParts): OpenAPIHono<Env> {
  const { reports } = parts.storage;
  const app = newApplication();

  app.openapi(listRoute, async (context) => {
    const {
      limit,
      cursor,
      model,
      account_id: accountId,
      key_id: keyId,
      outcome,
      from,
      to,
    } = context.req.valid('query');
    const fromMs = momentOf(from, 'from');
    const toMs = momentOf(to, 'to');
    checkOrder(fromMs, toMs);
    const before = idOfCursor(cursor);
    await catchUp(parts.ledger, parts.clock);
    const filter = { model, accountId, keyId, outcome, fromMs, toMs };
    const entries = await reports.listRequests(filter, limit + 1, before);
    return context.json(
      pageOfRows(entries.map(present), limit, (request) => request),
      200,
    );
  });

  app.openapi(readRoute, async (context) => {
    const { id } = context.req.valid('param');
    await catchUp(parts.ledger, parts.clock);
    const entry = await reports.getRequest(id);
    if (entry === undefined) throw missing('request');
    return context.json(present(entry), 200);
  });

  return app;
}

function momentOf(text: string | undefined, param: string): number | undefined {
  const utc = findTimeZone('UTC');
  return text === undefined || utc === undefined ? undefined : readMoment(text, utc, param);
}

function present({ request, attempts }: LedgerEntry): RequestAnswer {
  return {
    id: request.id,
    created_at: timeOf(request.created_at_ms),
    endpoint: request.endpoint,
    model: request.model,
    key_id: request.key_id,
    stream: request.is_stream,
    status: request.status,
    outcome: request.outcome,
    error_code: request.error_code,
    usage: usageOf(request),
    usage_source: request.usage_source,
    cost_usd: costOf(request.cost_nano_usd),
    queued_ms: request.queued_ms,
    ttft_ms: request.ttft_ms,
    duration_ms: request.duration_ms,
    chosen_because: request.chosen_because,
    attempts: attempts.map(presentAttempt),
  };
}

function presentAttempt(attempt: LedgerAttemptRow): RequestAnswer['attempts'][number] {
  return {
    n: attempt.n,
    account_id: attempt.account_id,
    provider_id: attempt.provider_id,
    model: attempt.model,
    status: attempt.status,
    outcome: attempt.outcome,
    failure: attempt.failure,
    started_at: timeOf(attempt.started_at_ms),
    ttft_ms: attempt.ttft_ms,
    duration_ms: attempt.duration_ms,
    usage: usageOf(attempt),
    usage_source: attempt.usage_source,
    cost_usd: costOf(attempt.cost_nano_usd),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function usageOf(row: TokenUsage & { readonly usage_source: UsageSource }): RequestAnswer['usage'] {
  if (row.usage_source === 'none') return null;
  return Object.fromEntries(usageFieldNames.map((name) => [name, row[name]])) as unknown as TokenUsage;
}

function costOf(nanoUsd: number | null): string | null {
  return nanoUsd === null ? null : writeUsd(nanoUsd);
}
