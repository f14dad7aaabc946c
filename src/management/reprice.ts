// The action /prices/reprice: prices requests of the past again, by the prices that are in the book now.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import { writeUsd } from '../core/money.ts';
import { newApplication } from './application.ts';
import type { Changes } from './changes.ts';
import { answer, failure, requestBody } from './contract/common.ts';
import { repriceBody, repriceReport } from './contract/repricing.ts';
import type { Env, ManagementParts } from './parts.ts';

const repriceRoute = createRoute({
  method: 'post',
  path: '/prices/reprice',
  operationId: 'reprice',
  tags: ['Prices'],
  summary: 'Price the past again',
  description:
    'Every attempt on record is priced by its own time, tier and usage with the prices that the gateway has now; requests and the sums of usage follow. It answers when it is done, which takes seconds for a hundred thousand requests. Attempts that retention has deleted keep their place in the sums as they are.',
  request: { body: requestBody(repriceBody) },
  responses: { 200: answer(repriceReport, 'What has changed, or would change.'), default: failure },
});

/** The routes of /prices/reprice. */
export function repriceRoutes(parts: ManagementParts, changes: Changes): OpenAPIHono<Env> {
  const app = newApplication();
  let isRunning = false;
  app.openapi(repriceRoute, async (context) => {
    const { from, to, model, dry_run: isDryRun } = context.req.valid('json');
    const range = {
      fromMs: Date.parse(from),
      toMs: to === undefined ? parts.clock.nowMs() : Date.parse(to),
      model: model ?? null,
    };
    if (range.toMs <= range.fromMs)
      throw new GatewayError('invalid_request', 'to must be after from.', { param: 'to' });
    if (isRunning)
      throw new GatewayError('conflict', 'The past is being priced again just now; try again when that is done.');
    isRunning = true;
    try {
      // Noted as a change, but not made as one: it may take minutes, and other changes do not wait for it.
      if (!isDryRun) await changes.run(context, 'reprice', async () => {});
      const { prices } = parts.configuration.current();
      const report = await parts.storage.reprice(range, (call) => prices.cost(call), { isDryRun });
      return context.json(
        {
          dry_run: isDryRun,
          attempts: report.attempts,
          changed: report.changed,
          cost_usd_before: writeUsd(report.costBefore),
          cost_usd_after: writeUsd(report.costAfter),
          unpriced_tokens_before: report.unpricedBefore,
          unpriced_tokens_after: report.unpricedAfter,
        },
        200,
      );
    } finally {
      isRunning = false;
    }
  });
  return app;
}
