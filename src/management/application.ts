// The application that the resources are routes of: what every request goes through, and how routes are made.
import { OpenAPIHono } from '@hono/zod-openapi';
import { errorOfIssues } from './issues.ts';
import type { Env } from './parts.ts';

/** A set of routes; what does not fit a route's schemas becomes an `invalid_request`. */
export function newApplication(): OpenAPIHono<Env> {
  return new OpenAPIHono<Env>({
    defaultHook: (result) => {
      if (!result.success) throw errorOfIssues(result.error.issues, result.target === 'query' ? 'query' : 'body');
    },
  });
}
