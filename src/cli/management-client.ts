// The command line's way to a running gateway: its management API over HTTP.
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
  let response: Response;
  try {
    response = await fetch(`${address}/api/v1${path}`, {
      method,
      headers,
      redirect: 'error',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  } catch {
    throw new CommandError(
      `no gateway answers at ${address}; start it with "npm start", or say where it is with --host and --port`,
    );
  }
  const answer = await readAnswer(response, address);
  if (response.ok) return answer as Answer;
  const message = (answer as { error?: { message?: string } }).error?.message;
  throw new CommandError(message ?? `the gateway answered ${response.status}`);
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
async function readAnswer(response: Response, address: string): Promise<object> {
  let text: string;
  try {
    text = await response.text();
  } catch {
    throw new CommandError(`the answer of the gateway at ${address} broke off; see its log`);
  }
  const isOurs = !response.ok || response.headers.has('x-aigateway-request-id');
  const answer = isOurs ? parsed(text) : undefined;
  if (typeof answer === 'object' && answer !== null) return answer;
  throw new CommandError(`what answers at ${address} is not aigateway`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
