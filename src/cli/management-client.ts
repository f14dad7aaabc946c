// The command line's way to a running gateway: its management API over HTTP.
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Settings } from '../core/settings.ts';
import { CommandError } from './command.ts';

/** The settings that say where the gateway is and how to prove who one is. */
export const clientSettings = ['HOST', 'PORT', 'ADMIN_TOKEN'] as const;

/** Calls `path` under /api/v1; throws a `CommandError` with the gateway's own words where it refuses. */
export async function callManagement<Answer>(
  { HOST, PORT, ADMIN_TOKEN }: Pick<Settings, (typeof clientSettings)[number]>,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<Answer> {
  // Whoever listens on all addresses is reached at this machine's own.
  const host =
    HOST === '0.0.0.0' || HOST === '::'
      ? '127.0.0.1'
      : HOST.includes(':') && !HOST.startsWith('[')
        ? `[${HOST}]`
        : HOST;
  const address = `http://${host}:${PORT}`;
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (ADMIN_TOKEN !== undefined) headers['authorization'] = `Bearer ${ADMIN_TOKEN.reveal()}`;
  const response = await send(address, `/api/v1${path}`, method, headers, body);
  const answer = await readAnswer(response, address);
  if (isGood(response)) return answer as Answer;
  const message = (answer as { error?: { message?: string } }).error?.message;
  throw new CommandError(message ?? `the gateway answered ${response.statusCode}`);
}

/** Not with `fetch`: that goes to no port that a browser must not go to, such as 10080, and waits five minutes at most. */
async function send(
  address: string,
  path: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const call = request(address + path, { method, headers, agent: false }, resolve).on('error', reject);
  call.end(body === undefined ? undefined : JSON.stringify(body));
  try {
    return await promise;
  } catch {
    throw new CommandError(
      `no gateway answers at ${address}; start it with "npm start", or say where it is with --host and --port`,
    );
  }
}

function isGood({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode <= 299;
}

/** Reads a whole list, page by page. */
export async function readList<Item>(settings: Parameters<typeof callManagement>[0], path: string): Promise<Item[]> {
  const all: Item[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { data: Item[]; next_cursor: string | null } = await callManagement(
      settings,
      'GET',
      `${path}?limit=1000${query}`,
    );
    all.push(...page.data);
    cursor = page.next_cursor;
  }
  return all;
}

/** The JSON object of an answer; throws where something else answers on that port. */
async function readAnswer(response: IncomingMessage, address: string): Promise<object> {
  let body: string;
  try {
    body = await text(response);
  } catch {
    throw new CommandError(`the answer of the gateway at ${address} broke off; see its log`);
  }
  const isOurs = !isGood(response) || response.headers['x-aigateway-request-id'] !== undefined;
  const answer = isOurs ? parsed(body) : undefined;
  if (typeof answer === 'object' && answer !== null) return answer;
  throw new CommandError(`what answers at ${address} is not aigateway`);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
