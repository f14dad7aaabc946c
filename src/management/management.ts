// The management API under /api: what every request passes, in order, and the resources behind it.
import { newId } from '../lib/id.ts';
import { accountActionRoutes } from './account-actions.ts';
import { accountRoutes } from './accounts.ts';
import { newApplication } from './application.ts';
import { auditRoutes } from './audit.ts';
import { authorize } from './auth.ts';
import { readBody } from './body.ts';
import { carry } from './bridge.ts';
import { Changes } from './changes.ts';
import { docsPaths, docsRoutes } from './docs.ts';
import { explainRoutes } from './explain.ts';
import { keyRoutes } from './keys.ts';
import { openApiDocument } from './openapi.ts';
import type { Call, ManagementParts } from './parts.ts';
import { priceRoutes } from './prices.ts';
import { providerRoutes } from './providers.ts';
import { reconcileRoutes } from './reconcile.ts';
import { repriceRoutes } from './reprice.ts';
import { requestRoutes } from './requests.ts';
import { answerThrown, missingRoute, securityHeaders } from './refusals.ts';
import { routeRoutes } from './routes.ts';
import { settingRoutes } from './settings.ts';
import { transcriptRoutes } from './transcripts.ts';
import { usageRoutes } from './usage.ts';

export type { Call, ManagementLog, ManagementParts, ProbedAccount } from './parts.ts';

/** Where the API begins. */
const base = '/api/v1';

/** Serves everything under /api; never rejects. */
export function createManagement(parts: ManagementParts): (call: Call) => Promise<void> {
  const application = createApplication(parts);
  return (call) => carry(call, (request, env) => application.fetch(request, env));
}

/** The application behind the listener. */
export function createApplication(parts: ManagementParts): ReturnType<typeof newApplication> {
  const app = newApplication();
  const changes = new Changes(parts);
  app.use(async (context, next) => {
    context.set('requestId', newId('req', parts.clock.nowMs()));
    await next();
    const { headers } = context.res;
    headers.set('x-aigateway-request-id', context.get('requestId'));
    for (const [name, value] of Object.entries(securityHeaders)) if (!headers.has(name)) headers.set(name, value);
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  });
  app.use(authorize(parts, docsPaths(base)));
  app.use(readBody);
  app.route(base, providerRoutes(parts, changes));
  app.route(base, accountRoutes(parts, changes));
  app.route(base, accountActionRoutes(parts, changes));
  app.route(base, routeRoutes(parts, changes));
  app.route(base, priceRoutes(parts, changes));
  app.route(base, repriceRoutes(parts, changes));
  app.route(base, requestRoutes(parts));
  app.route(base, transcriptRoutes(parts, changes));
  app.route(base, usageRoutes(parts));
  app.route(base, reconcileRoutes(parts));
  app.route(base, keyRoutes(parts, changes));
  app.route(base, explainRoutes(parts));
  app.route(base, settingRoutes(parts));
  app.route(base, auditRoutes(parts));
  app.route(base, docsRoutes());
  app.get(`${base}/openapi.json`, (context) => context.json(openApiDocument(app)));
  app.notFound((context) => {
    throw missingRoute(app.routes, context.req.method, context.req.path);
  });
  app.onError((error, context) => answerThrown(error, context, parts.log));
  return app;
}
