// Every way a management request can fail, answered in OpenAI's form.
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { GatewayError } from '../core/errors.ts';
import { RowError } from '../storage/columns.ts';
import { ConflictError, StorageError } from '../storage/storage.ts';
import type { Env, ManagementLog } from './parts.ts';

/** The error to answer with for whatever was thrown. */
function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  if (thrown instanceof StorageError) {
    return new GatewayError('storage_unavailable', 'The database does not answer; try again.', { cause: thrown });
  }
  if (thrown instanceof ConflictError) {
    return new GatewayError('conflict', 'The change contradicts what the database holds.', { cause: thrown });
  }
  if (thrown instanceof RowError) {
    const message = `A row of the database cannot be read, correct it there: ${thrown.message}.`;
    return new GatewayError('gateway_error', message, { cause: thrown });
  }
  if (thrown instanceof HTTPException && thrown.status === 415) {
    return new GatewayError('unsupported_media_type', 'The body must be sent with `content-type: application/json`.');
  }
  if (thrown instanceof HTTPException && thrown.status === 400) {
    return new GatewayError('invalid_json', 'The body is not valid JSON.');
  }
  return new GatewayError('gateway_error', 'The gateway failed; its log line of this request id has the cause.', {
    cause: thrown,
  });
}

/** For answers that are no pages: should a browser show one all the same, it runs nothing, loads nothing and stands in no frame. */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
} as const;

/** The answer for an error. */
export function toResponse(error: GatewayError, requestId: string): Response {
  const headers = new Headers({
    'content-type': 'application/json',
    'x-aigateway-request-id': requestId,
    'cache-control': 'no-store',
    ...securityHeaders,
  });
  const list = error.toHeaders();
  for (let i = 0; i + 1 < list.length; i += 2) headers.append(list[i] ?? '', list[i + 1] ?? '');
  return new Response(error.toBody(), { status: error.status, headers });
}

/** Answers for what was thrown; what is not the caller's fault is logged with its cause. */
export function answerThrown(thrown: unknown, context: Context<Env>, log: ManagementLog): Response {
  const error = toGatewayError(thrown);
  const requestId = context.get('requestId');
  if (error.status >= 500) {
    const { method, path } = context.req;
    const fields = { request_id: requestId, method, path, code: error.code, err: error.details.cause };
    // An upstream that cannot be reached is no fault of ours.
    if (error.code === 'upstream_unavailable') log.warn(fields, error.message);
    else log.error(fields, error.message);
  }
  return toResponse(error, requestId);
}

/** The error for a path that no route has: there is no such path, or not for this method. */
export function missingRoute(
  routes: readonly { readonly method: string; readonly path: string }[],
  method: string,
  path: string,
): GatewayError {
  const methods = routes.flatMap((route) => {
    if (route.method === 'ALL' || !pathExpression(route.path).test(path)) return [];
    return route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
  });
  if (methods.length === 0) {
    return new GatewayError('not_found', 'There is no such path; /api/v1/docs lists the management API.');
  }
  const allow = [...new Set(methods)].sort().join(', ');
  return new GatewayError('method_not_allowed', `${method} is not for this path; it allows ${allow}.`, {
    headers: ['allow', allow],
  });
}

function pathExpression(routePath: string): RegExp {
  return new RegExp(`^${routePath.replaceAll('.', '\\.').replaceAll(/:\w+/gu, '[^/]+')}$`, 'u');
}
