// The paths under `/__` that steer the fake OpenAI and show what happened: journal, faults, script, reset.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listFaults } from './faults/table.ts';
import type { JournalBook } from './journal.ts';
import { errorBody } from './refusals.ts';
import { parseScript, type MockScript } from './script.ts';

/** What the control paths act on. */
export interface Controlled {
  readonly journal: JournalBook;
  openSockets(): number;
  setScript(script: MockScript): void;
  reset(): void;
}

type Handler = (
  controlled: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => Promise<void> | void;

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /__journal': sendJournal,
  'DELETE /__journal': (controlled, _, response) => {
    controlled.journal.clear();
    response.writeHead(204).end();
  },
  'GET /__faults': (_, __, response) => sendJson(response, 200, { faults: listFaults() }),
  'PUT /__script': putScript,
  'POST /__reset': (controlled, _, response) => {
    controlled.reset();
    response.writeHead(204).end();
  },
};

/** True for a path that steers the fake OpenAI instead of being answered by it. */
export function isControlPath(url: string): boolean {
  return url.startsWith('/__');
}

/** Answers a control request. */
export async function control(
  controlled: Controlled,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://mock.invalid');
  const name = `${request.method} ${url.pathname}`;
  const handler = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
  if (handler !== undefined) return handler(controlled, request, response, url);
  sendError(response, 404, `There is no ${name}; there are: ${Object.keys(ROUTES).join(', ')}.`);
}

async function putScript(controlled: Controlled, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    controlled.setScript(parseScript(Buffer.concat(chunks).toString()));
  } catch (error) {
    return sendError(response, 400, error instanceof Error ? error.message : String(error));
  }
  response.writeHead(204).end();
}

/** Streams the journal: `?after=N` leaves out entries up to number N. */
async function sendJournal(
  controlled: Controlled,
  _: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const { requests, open, records } = controlled.journal.read(Number(url.searchParams.get('after') ?? 0));
  const head = { requests, open_requests: open, open_sockets: controlled.openSockets() };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write(`${JSON.stringify(head).slice(0, -1)},"entries":[`);
  let separator = '\n';
  for (const record of records) {
    const isTaken = response.write(separator + JSON.stringify(record.entry()));
    separator = ',\n';
    if (!isTaken && !response.destroyed) await drainOrClose(response);
    if (response.destroyed) return;
  }
  response.end('\n]}\n');
}

function drainOrClose(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value, null, 2)}\n`);
}

function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, errorBody({ message }));
}
