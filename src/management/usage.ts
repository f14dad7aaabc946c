// The resource /usage: requests, tokens and money, summed by time and by who used them.
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import { localDays, localHours, startOfDayBefore } from '../lib/calendar.ts';
import { findTimeZone, type Span, type TimeZone } from '../lib/time-zone.ts';
import { DeletedRequestsError, type UsageQuery, type UsageReportRow } from '../storage/ledger-reports.ts';
import { newApplication } from './application.ts';
import { failure } from './contract/common.ts';
import { groupings, usagePage, usageQuery, type Grouping } from './contract/usage.ts';
import { catchUp } from './ledger-access.ts';
import { prefersCsv } from './media-type.ts';
import { checkOrder, readMoment } from './moments.ts';
import type { Env, ManagementParts } from './parts.ts';
import { groupOfCursor, cursorOfGroup } from './usage-cursor.ts';
import { csvHead, emptySums, toCsv, toJson, type UsageRow } from './usage-rows.ts';

/** Without `from`: today and so many days before. */
const daysBefore = 29;

/** CSV is read so many rows at a time. */
const rowsAtOnce = 2000;

const usageRoute = createRoute({
  method: 'get',
  path: '/usage',
  operationId: 'readUsage',
  tags: ['Usage'],
  summary: 'Sum up usage',
  description:
    "The sums always equal those of the ledger's rows, up to the last request that a client has its answer of. Without `from`: the last 30 days of the time zone, today included. `Accept: text/csv` gives all rows as CSV.",
  request: { query: usageQuery },
  responses: {
    200: {
      description: 'The sums.',
      content: { 'application/json': { schema: usagePage }, 'text/csv': { schema: z.string() } },
    },
    default: failure,
  },
});

/** What a query asks for. */
interface Asked {
  readonly groups: readonly Grouping[];
  readonly zone: TimeZone;
  readonly fromMs: number;
  readonly toMs: number | undefined;
}

/** The routes of /usage. */
export function usageRoutes(parts: ManagementParts): OpenAPIHono<Env> {
  const app = newApplication();
  app.openapi(usageRoute, async (context) => {
    const { limit, cursor, ...rest } = context.req.valid('query');
    const asked = readQuery(rest, parts.clock.nowMs());
    const isCsv = prefersCsv(context.req.header('accept'));
    const query = queryOf(asked);
    const after = isCsv ? undefined : groupOfCursor(cursor, query);
    await catchUp(parts.ledger, parts.clock);
    const slices = parts.storage.reports.usage({ ...query, after }, isCsv ? rowsAtOnce : limit + 1);
    const present = newPresenter(asked);
    try {
      if (isCsv) return await answerCsv(slices, asked, present);
      const rows = await takeRows(slices, limit + 1);
      return answerJson(rows, limit, asked, present);
    } catch (error) {
      throw error instanceof DeletedRequestsError ? asRefusal(error) : error;
    }
  });
  return app;
}

function readQuery(query: Omit<z.infer<typeof usageQuery>, 'limit' | 'cursor'>, nowMs: number): Asked {
  const zone = findTimeZone(query.time_zone);
  if (zone === undefined) {
    const message = 'time_zone must be the IANA name of a time zone, such as UTC or America/New_York.';
    throw new GatewayError('invalid_request', message, { param: 'time_zone' });
  }
  const toMs = query.to === undefined ? undefined : readMoment(query.to, zone, 'to');
  const fromMs =
    query.from === undefined
      ? startOfDayBefore(zone, toMs === undefined ? nowMs : toMs - 1, daysBefore)
      : readMoment(query.from, zone, 'from');
  checkOrder(fromMs, toMs);
  return { groups: query.group_by ?? [], zone, fromMs, toMs };
}

function queryOf({ groups, zone, fromMs, toMs }: Asked): UsageQuery {
  const dimensions = groups.flatMap((group) => groupings[group].dimension ?? []);
  const span = { fromMs, toMs: toMs ?? Number.MAX_SAFE_INTEGER };
  const cut = groups.includes('day') ? localDays : groups.includes('hour') ? localHours : undefined;
  return { span, dimensions, ...(cut !== undefined && { buckets: (part: Span) => cut(zone, part) }) };
}

/** Turns rows into what is answered; rows of one bucket come one after the other. */
function newPresenter({ groups, zone }: Asked): (row: UsageReportRow) => UsageRow {
  const cut = groups.includes('day') ? localDays : localHours;
  let bucket = { fromMs: Number.NaN, label: '' };
  return ({ bucketMs, values, sums }) => {
    if (bucketMs !== null && bucketMs !== bucket.fromMs) {
      const [span] = cut(zone, { fromMs: bucketMs, toMs: bucketMs + 1 });
      bucket = { fromMs: bucketMs, label: span?.label ?? '' };
    }
    const rest = [...values];
    const group = groups.map((name): [string, string | null] => {
      const { field, dimension } = groupings[name];
      return [field, dimension === undefined ? bucket.label : rest.shift() || null];
    });
    return { group, sums };
  };
}

async function takeRows(slices: AsyncIterable<readonly UsageReportRow[]>, count: number): Promise<UsageReportRow[]> {
  const rows: UsageReportRow[] = [];
  for await (const slice of slices) {
    rows.push(...slice);
    if (rows.length >= count) break;
  }
  return rows;
}

function answerJson(
  rows: readonly UsageReportRow[],
  limit: number,
  { groups, zone, fromMs, toMs }: Asked,
  present: (row: UsageReportRow) => UsageRow,
): Response {
  const kept = rows.slice(0, limit);
  const data = groups.length === 0 && kept.length === 0 ? [{ group: [], sums: emptySums }] : kept.map(present);
  const last = rows.length > limit ? kept.at(-1) : undefined;
  const head = JSON.stringify({
    from: new Date(fromMs).toISOString(),
    to: toMs === undefined ? null : new Date(toMs).toISOString(),
    time_zone: zone.name,
  });
  const cursor = JSON.stringify(last === undefined ? null : cursorOfGroup(last));
  const text = `${head.slice(0, -1)},"data":[${data.map(toJson).join(',')}],"next_cursor":${cursor}}`;
  return new Response(text, { headers: { 'content-type': 'application/json', vary: 'accept' } });
}

/** All rows as they are read. What goes wrong with the first is answered, later the connection breaks. */
async function answerCsv(
  slices: AsyncIterable<readonly UsageReportRow[]>,
  { groups }: Asked,
  present: (row: UsageReportRow) => UsageRow,
): Promise<Response> {
  const iterator = slices[Symbol.asyncIterator]();
  const first = await iterator.next();
  async function* lines(): AsyncGenerator<string> {
    try {
      yield csvHead(groups.map((name) => groupings[name].field));
      if (groups.length === 0 && first.done === true) yield toCsv({ group: [], sums: emptySums });
      for (let slice = first; slice.done !== true; slice = await iterator.next())
        yield slice.value.map((row) => toCsv(present(row))).join('');
    } finally {
      await iterator.return?.();
    }
  }
  const body = ReadableStream.from(lines()).pipeThrough(new TextEncoderStream());
  return new Response(body, {
    headers: {
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': 'attachment; filename="usage.csv"',
      vary: 'accept',
    },
  });
}

function asRefusal(error: DeletedRequestsError): GatewayError {
  const until = new Date(error.untilMs).toISOString();
  return new GatewayError(
    'invalid_request',
    `from and to must be on a quarter of an hour where they are before ${until}: the requests of that time have been deleted, and their sums are kept by quarters.`,
    { param: 'from', cause: error },
  );
}
