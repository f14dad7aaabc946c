// The resource /settings: what the gateway was started with, secrets as "set".
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { describeSettings } from '../core/settings.ts';
import { newApplication } from './application.ts';
import { answer, failure } from './contract/common.ts';
import { settingsSchema } from './contract/settings.ts';
import type { Env, ManagementParts } from './parts.ts';

const readRoute = createRoute({
  method: 'get',
  path: '/settings',
  operationId: 'readSettings',
  tags: ['Settings'],
  summary: 'Read the settings in force',
  description: 'Secrets read "set", absent settings null. They are changed by flags and variables at the start.',
  responses: { 200: answer(settingsSchema, 'The settings.'), default: failure },
});

/** The routes of /settings. */
export function settingRoutes(parts: Pick<ManagementParts, 'settings'>): OpenAPIHono<Env> {
  const app = newApplication();
  app.openapi(readRoute, (context) => {
    const shown = Object.entries(describeSettings(parts.settings));
    return context.json(Object.fromEntries(shown.map(([name, value]) => [name.toLowerCase(), value])), 200);
  });
  return app;
}
