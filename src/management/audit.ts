// The resource /audit: who changed what and when, the newest first.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import type { AuditRow } from '../storage/storage.ts';
import { newApplication } from './application.ts';
import { auditPage, auditQuery, type AuditAnswer } from './contract/audit.ts';
import { answer, failure } from './contract/common.ts';
import { idOfCursor, pageOfRows } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';

const listRoute = createRoute({
  method: 'get',
  path: '/audit',
  operationId: 'listAudit',
  tags: ['Audit'],
  summary: 'Read the audit log',
  description: 'Every change of the configuration, the newest first.',
  request: { query: auditQuery },
  responses: { 200: answer(auditPage, 'A page of entries.'), default: failure },
});

/** The routes of /audit. */
export function auditRoutes({ storage }: Pick<ManagementParts, 'storage'>): OpenAPIHono<Env> {
  const app = newApplication();
  app.openapi(listRoute, async (context) => {
    const { limit, cursor, resource, resource_id: resourceId, from, to } = context.req.valid('query');
    const filter = { resource, resourceId, from: normalized(from), to: normalized(to) };
    const rows = await storage.audit.list(filter, limit + 1, beforeId(cursor));
    const named = rows.map((row) => ({ ...row, id: String(row.id) }));
    return context.json(pageOfRows(named, limit, present), 200);
  });
  return app;
}

/** As the rows have it: UTC, with milliseconds. */
function normalized(time: string | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

function beforeId(cursor: string | undefined): number | undefined {
  const id = idOfCursor(cursor);
  if (id === undefined || /^\d{1,15}$/u.test(id)) return id === undefined ? undefined : Number(id);
  throw new GatewayError('invalid_request', 'cursor must be the next_cursor of a page before.', { param: 'cursor' });
}

function present({ before, after, ...row }: Omit<AuditRow, 'id'> & { readonly id: string }): AuditAnswer {
  return {
    ...row,
    actor: row.actor as AuditAnswer['actor'],
    before: before && { ...before },
    after: after && { ...after },
  };
}
