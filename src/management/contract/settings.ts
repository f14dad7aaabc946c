// The settings as the management API shows them.
import { z } from '@hono/zod-openapi';

/** Setting name in lower case → its value; secrets as "set". */
export const settingsSchema = z
  .record(z.string(), z.union([z.string(), z.number(), z.null()]))
  .openapi('Settings', { example: { port: 8080, admin_token: 'set', encryption_key: null } });
