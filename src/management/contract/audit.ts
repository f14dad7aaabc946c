// An entry of the audit log as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { pageOf, pageQuery, timeSchema } from './common.ts';

const shown = z.record(z.string(), z.unknown()).nullable();

/** An entry as it is answered. */
const auditSchema = z
  .object({
    id: z.string().describe('Grows with every entry.').meta({ example: '128' }),
    created_at: timeSchema,
    actor: z
      .enum(['admin_token', 'local_caller', 'command_line', 'outside'])
      .describe(
        'Who made the change: the holder of the admin token, a caller on this machine where none is set, a command of `aigateway`, or somebody past the gateway, such as by SQL.',
      ),
    peer: z
      .string()
      .nullable()
      .describe('The address at the other end of the connection.')
      .meta({ example: '127.0.0.1' }),
    method: z.string().nullable().meta({ example: 'PATCH' }),
    path: z.string().nullable().meta({ example: '/api/v1/routes/rt_1' }),
    resource: z
      .string()
      .describe(
        'The list that the changed resource is in; `configuration` where the gateway cannot tell what was changed outside.',
      )
      .meta({ example: 'routes' }),
    resource_id: z.string().nullable().meta({ example: 'rt_1' }),
    before: shown.describe('The resource before the change, secrets masked; null where there was none.'),
    after: shown.describe('The resource after the change, secrets masked; null where it is gone.'),
    request_id: z.string().nullable().describe('The `x-aigateway-request-id` of the request that made the change.'),
  })
  .openapi('AuditEntry');

/** A page of entries. */
export const auditPage = pageOf('AuditPage', auditSchema);

const time = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-01-31T12:00:00Z' });

/** The query of the list. */
export const auditQuery = pageQuery.extend({
  resource: z.string().describe('Only changes in this list.').meta({ example: 'accounts' }).optional(),
  resource_id: z.string().describe('Only changes of the resource of this id.').optional(),
  from: time.describe('Only changes from this time on.').optional(),
  to: time.describe('Only changes before this time.').optional(),
});

export type AuditAnswer = z.infer<typeof auditSchema>;
