// The action /reconcile: our ledger beside the provider's own books, day by day and model by model.
import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import type { Provider } from '../core/provider.ts';
import type { Span } from '../lib/time-zone.ts';
import { builtInProviders, listPrices } from '../providers/registry.ts';
import { compare, type Line } from '../reconciliation/compare.ts';
import { organizationsOf, type Organization } from '../reconciliation/organizations.ts';
import { BooksError, readBooks } from '../reconciliation/read-books.ts';
import { isCountedAlike, isPaidAlike, reasonsOf } from '../reconciliation/reasons.ts';
import type { OurSums } from '../core/books.ts';
import { DeletedRequestsError } from '../storage/ledger-reports.ts';
import type { AccountRow } from '../storage/storage.ts';
import { newApplication } from './application.ts';
import { answer, failure, requestBody } from './contract/common.ts';
import { reconcileBody, reconciliation, type ReconcileBody } from './contract/reconciliation.ts';
import { adminKeyOf, checkAdminKey, usableProvider } from './credentials.ts';
import { catchUp } from './ledger-access.ts';
import { readAll } from './paging.ts';
import type { Env, ManagementParts } from './parts.ts';
import { presentBooks, type ExplainedLine } from './reconciliation-answer.ts';

const dayMs = 86_400_000;
const mostDays = 366;
/** Their books of a day are still written for so long after its end. */
const settlingMs = dayMs;

const reconcileRoute = createRoute({
  method: 'post',
  path: '/reconcile',
  operationId: 'reconcile',
  tags: ['Usage'],
  summary: "Compare with the provider's books",
  description:
    "Reads the provider's own usage and costs with an admin key, and lays them beside the ledger by UTC day and model, with the likely reason of every difference. The key is `auth_data.admin_key` of an account, and speaks for all accounts of its organization; or it is given with the request.",
  request: { body: requestBody(reconcileBody) },
  responses: { 200: answer(reconciliation, 'The comparison.'), default: failure },
});

/** Books to be read, and whose calls are compared with them. */
interface Task extends Omit<Organization, 'keyHolder'> {
  readonly provider: Provider;
  readonly keyHolder: string | null;
}

/** The routes of /reconcile. */
export function reconcileRoutes(parts: ManagementParts): OpenAPIHono<Env> {
  const app = newApplication();
  app.openapi(reconcileRoute, async (context) => {
    const body = context.req.valid('json');
    const nowMs = parts.clock.nowMs();
    const span = readSpan(body, nowMs);
    const { tasks, providers } = await tasksOf(parts, body);
    await catchUp(parts.ledger, parts.clock);
    const ours = (await readOurs(parts, span)).filter(({ providerId }) => providers.has(providerId));
    const books = [];
    for (const task of tasks) {
      const lines = await linesOf(parts, task, span, ours);
      const explained: ExplainedLine[] = [];
      for (const line of lines) {
        const isOpen = line.dayMs + dayMs + settlingMs > nowMs;
        explained.push({ line, reasons: reasonsOf(line, { isOpen, repriceable: await repriceable(parts, line) }) });
      }
      books.push(presentBooks(task, explained));
    }
    const compared = new Set(tasks.flatMap(({ accounts }) => accounts));
    const left = Map.groupBy(
      ours.filter((sums) => sums.dayMs >= span.fromMs && !compared.has(sums.accountId) && sums.requests > 0),
      ({ accountId }) => accountId,
    );
    return context.json(
      {
        from: dayText(span.fromMs),
        to: dayText(span.toMs),
        books,
        not_compared: [...left].map(([id, sums]) => ({
          account_id: id,
          calls: sums.reduce((sum, { requests }) => sum + requests, 0),
        })),
      },
      200,
    );
  });
  return app;
}

function dayText(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function readSpan({ from, to }: ReconcileBody, nowMs: number): Span {
  const fromMs = Date.parse(`${from}T00:00:00Z`);
  const toMs = to === undefined ? (Math.floor(nowMs / dayMs) + 1) * dayMs : Date.parse(`${to}T00:00:00Z`);
  if (toMs <= fromMs) throw new GatewayError('invalid_request', 'to must be a day after from.', { param: 'to' });
  if (toMs - fromMs > mostDays * dayMs) {
    throw new GatewayError('invalid_request', `from and to must be at most ${mostDays} days apart.`, { param: 'from' });
  }
  return { fromMs, toMs };
}

/** Which books are read, and of which providers. */
async function tasksOf(
  parts: ManagementParts,
  { provider_id: providerId, account_ids: wanted, admin_key: given }: ReconcileBody,
): Promise<{ readonly tasks: Task[]; readonly providers: ReadonlySet<string> }> {
  const all = await readAll(parts.storage.accounts);
  const unknown = wanted?.find((id) => !all.some((row) => row.id === id));
  if (unknown !== undefined) {
    const message = `account_ids must be accounts; there is no "${unknown}" among /api/v1/accounts.`;
    throw new GatewayError('invalid_request', message, { param: 'account_ids' });
  }
  const rows = all.filter((row) => wanted === undefined || wanted.includes(row.id));
  if (given !== undefined) {
    const id = providerId ?? rows.find((row) => wanted?.includes(row.id))?.provider_id ?? builtInProviders[0]?.id ?? '';
    const provider = await usableProvider(parts, id);
    const accounts = rows.filter((row) => row.provider_id === id).map((row) => row.id);
    const adminKey = checkAdminKey(given, provider, 'admin_key');
    return { tasks: [{ provider, adminKey, keyHolder: null, accounts }], providers: new Set([id]) };
  }
  const tasks: Task[] = [];
  for (const [id, own] of Map.groupBy(rows, (row) => row.provider_id)) {
    if (providerId !== undefined && providerId !== id) continue;
    const { organizations } = organizationsOf(own.map((row) => knownAccount(parts, row)));
    if (organizations.length === 0) continue;
    const provider = await usableProvider(parts, id);
    tasks.push(...organizations.map((organization) => ({ ...organization, provider })));
  }
  if (tasks.length > 0) return { tasks, providers: new Set(tasks.map(({ provider }) => provider.id)) };
  throw new GatewayError(
    'invalid_request',
    'None of these accounts has an admin key: give one to an account (`aigateway accounts admin-key`, or auth_data.admin_key with PATCH), or send admin_key with the request.',
    { param: 'admin_key' },
  );
}

function knownAccount(
  { vault, pool }: ManagementParts,
  row: AccountRow,
): Parameters<typeof organizationsOf>[0][number] {
  const organizations = [row.organization, pool.member(row.id)?.owner.organization].filter((name) => name != null);
  return { id: row.id, adminKey: adminKeyOf(vault, row), organizations };
}

/** Our sums, from the day before on where they are still there: what ran over the first midnight explains the first day. */
async function readOurs({ storage }: ManagementParts, span: Span): Promise<OurSums[]> {
  try {
    return await storage.reports.attemptSums({ ...span, fromMs: span.fromMs - dayMs });
  } catch (error) {
    if (!(error instanceof DeletedRequestsError)) throw error;
    if (error.untilMs <= span.fromMs) return storage.reports.attemptSums(span);
    const day = dayText(Math.ceil(error.untilMs / dayMs) * dayMs);
    throw new GatewayError(
      'invalid_request',
      `from must be ${day} or later: requests made before that have been deleted from the ledger (AIGATEWAY_REQUEST_RETENTION_DAYS).`,
      { param: 'from', cause: error },
    );
  }
}

async function linesOf(
  parts: ManagementParts,
  { provider, adminKey, keyHolder, accounts }: Task,
  span: Span,
  ours: readonly OurSums[],
): Promise<Line[]> {
  const { books } = provider.vendor;
  try {
    const theirs = await readBooks(books, span, (path) => parts.askBooks(provider, adminKey, path));
    const own = ours.filter(({ accountId }) => accounts.includes(accountId));
    const naming = { aliases: listPrices.aliases, plainName: books.plainName };
    return compare({ ...span, ours: own, ...theirs }, naming);
  } catch (error) {
    if (!(error instanceof BooksError)) throw error;
    if (error.status === 401 || error.status === 403) {
      const whose = keyHolder === null ? 'The admin key' : `The admin key of account "${keyHolder}"`;
      const param = keyHolder === null ? 'admin_key' : 'auth_data.admin_key';
      const message = `${whose} may not read the books of provider "${provider.id}"; it takes one that may read usage. About ${error.message}`;
      throw new GatewayError('invalid_request', message, { param });
    }
    throw new GatewayError(
      'upstream_unavailable',
      `The books of provider "${provider.id}" could not be read. About ${error.message}`,
    );
  }
}

/** How many attempts of a line would have another cost by today's prices; looked up only where that may explain it. */
async function repriceable({ storage, configuration }: ManagementParts, line: Line): Promise<number> {
  if (line.theirs.nanoUsd === null || isPaidAlike(line) || !isCountedAlike(line)) return 0;
  const { prices } = configuration.current();
  let changed = 0;
  for (const model of line.evidence.models) {
    const range = { fromMs: line.dayMs, toMs: line.dayMs + dayMs, model };
    changed += (await storage.reprice(range, (call) => prices.cost(call), { isDryRun: true })).changed;
  }
  return changed;
}
