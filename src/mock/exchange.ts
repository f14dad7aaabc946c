// One HTTP exchange with the fake OpenAI: read the request whole, decide, deliver, and keep the journal true.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { decide } from './answer.ts';
import { deliver } from './delivery.ts';
import { JournalRecord, type JournalBook } from './journal.ts';
import { bearerKey, keyLabel } from './keys.ts';
import type { Quotas } from './quotas.ts';
import { bodyTooLarge } from './refusals.ts';
import type { Stage } from './stage.ts';

/** The largest request body, in bytes. */
export const MAX_REQUEST_BYTES = 100 * 1024 * 1024;

/** What all exchanges of one fake OpenAI share. */
export interface Surroundings {
  readonly quotas: Quotas;
  readonly journal: JournalBook;
  readonly now: () => number;
  /** 32 hexadecimal digits, never the same twice. */
  nextId(): string;
  /** The script in force. */
  stage(): Stage;
}

/** Where a connection stands: its serial number, and how many requests it has carried. */
export interface Connection {
  readonly serial: number;
  requests: number;
}

/** Answers one request of OpenAI's API. */
export function exchange(
  request: IncomingMessage,
  response: ServerResponse,
  connection: Connection,
  surroundings: Surroundings,
): void {
  const { journal, now } = surroundings;
  const record = openRecord(request, connection, surroundings);
  const startedAt = performance.now();
  const isReused = connection.requests > 0;
  connection.requests += 1;
  journal.add(record);
  // A write may cross the client's leaving; the close below is what counts.
  response.on('error', () => undefined);
  response.once('close', () => {
    record.isFinished = response.writableFinished;
    if (!record.isFinished) record.closedBy ??= 'client';
    record.endedAt = now();
    if (record.closedBy !== null) record.closedAt = record.endedAt;
    journal.close(record);
  });

  const chunks: Buffer[] = [];
  let size = 0;
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    record.bodyBytes = size;
    if (size <= MAX_REQUEST_BYTES) chunks.push(chunk);
    else refuseTooLarge(request, response, record);
  });
  request.once('end', () => {
    if (size > MAX_REQUEST_BYTES) return;
    const body = Buffer.concat(chunks);
    journal.keepBody(record, body);
    const decision = decide(
      {
        method: record.method,
        path: record.path,
        search: searchOf(request.url ?? '/'),
        authorization: request.headers.authorization,
        body,
        id: record.requestId.slice('req_'.length),
        isReused,
        atMs: record.at,
        startedAt,
      },
      surroundings.stage(),
      surroundings.quotas,
      journal.read().records,
    );
    record.key = decision.key;
    record.model = decision.model;
    record.isStream = decision.isStream;
    record.fault = decision.fault;
    record.owner = decision.owner;
    record.cachedTokens = decision.reply.tokens?.cached ?? 0;
    record.promptTokens = decision.reply.tokens?.prompt ?? 0;
    record.completionTokens = decision.reply.tokens?.completion ?? 0;
    deliver(decision.reply, response, record).catch((error: unknown) => response.destroy(error as Error));
  });
}

function refuseTooLarge(request: IncomingMessage, response: ServerResponse, record: JournalRecord): void {
  if (response.headersSent) return;
  request.resume();
  deliver(bodyTooLarge(MAX_REQUEST_BYTES), response, record).catch(() => response.destroy());
}

function searchOf(url: string): URLSearchParams {
  const query = url.indexOf('?');
  return new URLSearchParams(query < 0 ? '' : url.slice(query));
}

function openRecord(request: IncomingMessage, connection: Connection, surroundings: Surroundings): JournalRecord {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  return new JournalRecord({
    n: surroundings.journal.next(),
    at: surroundings.now(),
    method: request.method ?? 'GET',
    path: query < 0 ? url : url.slice(0, query),
    requestId: `req_${surroundings.nextId()}`,
    socket: connection.serial,
    headerLines: maskedHeaders(request.rawHeaders),
  });
}

/** Names and values by turns, one a line, with the key in `authorization` shortened. */
function maskedHeaders(rawHeaders: readonly string[]): string {
  return rawHeaders
    .map((text, index) => {
      const isSecret = index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'authorization';
      if (!isSecret) return text;
      const key = bearerKey(text);
      return key === undefined ? '…' : `Bearer ${keyLabel(key)}`;
    })
    .join('\n');
}
