// The journal: what every request brought, what went out, and who closed the connection when. Times are epoch milliseconds.
import { hash } from 'node:crypto';
import type { KeyOwner } from './books/billed-call.ts';

/** Requests kept; older ones are forgotten. */
export const MAX_ENTRIES = 100_000;
/** Bytes kept of one body. */
export const MAX_BODY_BYTES_KEPT = 1024 * 1024;
/** Bytes kept of all bodies together; the oldest are dropped first. */
export const MAX_BODIES_BYTES_KEPT = 256 * 1024 * 1024;

/** One request in the journal. */
export interface JournalEntry {
  /** Serial number since the start or the last reset, from 1. */
  readonly n: number;
  readonly at: number;
  readonly method: string;
  readonly path: string;
  /** The key's label, never the key; null when none was sent. */
  readonly key: string | null;
  /** As received, names in lower case, repeated ones joined by a comma; `authorization` is masked. */
  readonly headers: Readonly<Record<string, string>>;
  /** The first MiB of the body as received, base64; null once dropped to save memory. */
  readonly body: string | null;
  readonly body_bytes: number;
  /** Of the whole body, hexadecimal; null while it is still arriving. */
  readonly sha256: string | null;
  readonly model: string | null;
  readonly stream: boolean;
  /** Null while nothing was answered, and when no HTTP answer was. */
  readonly status: number | null;
  /** The answer's `x-request-id`. */
  readonly request_id: string;
  readonly fault: string | null;
  /** Serial number of the connection; requests with the same one came over the same connection. */
  readonly socket: number;
  /** Bytes of the answer's body handed to the connection. */
  readonly bytes_out: number;
  readonly prompt_tokens: number;
  /** Completion tokens of the whole answer, as its usage states them. */
  readonly completion_tokens: number;
  /** Completion tokens in the content that was handed to the connection. */
  readonly completion_tokens_sent: number;
  /** The answer went out to its end; a fault's clean cut counts as the end. */
  readonly finished: boolean;
  /** Who closed the connection before the answer's end; null where nobody did. */
  readonly closed_by: 'client' | 'server' | null;
  readonly closed_at: number | null;
  /** When it was over, whoever ended it; null while it is open. */
  readonly ended_at: number | null;
  readonly open: boolean;
}

/** The whole journal. */
export interface Journal {
  /** Requests since the start, the last reset or the last clearing; more than the entries if old ones were forgotten. */
  readonly requests: number;
  readonly open_requests: number;
  /** Open connections, without those that only asked for `/__…`. */
  readonly open_sockets: number;
  readonly entries: readonly JournalEntry[];
}

/** A request while it is being answered; the exchange fills it in. */
export class JournalRecord {
  readonly n: number;
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly socket: number;
  /** One string of names and values by turns: 100,000 of these are kept. */
  readonly headerLines: string;
  key: string | null = null;
  body: Buffer | null = null;
  bodyBytes = 0;
  sha256: string | null = null;
  model: string | null = null;
  isStream = false;
  status: number | null = null;
  fault: string | null = null;
  bytesOut = 0;
  /** Whose key it came with, for the books; null where it was refused. */
  owner: KeyOwner | null = null;
  promptTokens = 0;
  cachedTokens = 0;
  completionTokens = 0;
  completionTokensSent = 0;
  isFinished = false;
  closedBy: 'client' | 'server' | null = null;
  closedAt: number | null = null;
  /** When it was over, in whatever way. */
  endedAt: number | null = null;
  isOpen = true;

  constructor(start: Pick<JournalRecord, 'n' | 'at' | 'method' | 'path' | 'requestId' | 'socket' | 'headerLines'>) {
    this.n = start.n;
    this.at = start.at;
    this.method = start.method;
    this.path = start.path;
    this.requestId = start.requestId;
    this.socket = start.socket;
    this.headerLines = start.headerLines;
  }

  /** The record as the journal shows it. */
  entry(): JournalEntry {
    return {
      n: this.n,
      at: this.at,
      method: this.method,
      path: this.path,
      key: this.key,
      headers: readHeaders(this.headerLines),
      body: this.body === null ? null : this.body.toString('base64'),
      body_bytes: this.bodyBytes,
      sha256: this.sha256,
      model: this.model,
      stream: this.isStream,
      status: this.status,
      request_id: this.requestId,
      fault: this.fault,
      socket: this.socket,
      bytes_out: this.bytesOut,
      prompt_tokens: this.promptTokens,
      completion_tokens: this.completionTokens,
      completion_tokens_sent: this.completionTokensSent,
      finished: this.isFinished,
      closed_by: this.closedBy,
      closed_at: this.closedAt,
      ended_at: this.endedAt,
      open: this.isOpen,
    };
  }
}

/** Keeps the newest records. */
export class JournalBook {
  readonly #records = new Map<number, JournalRecord>();
  #last = 0;
  #requests = 0;
  #open = 0;
  #bodiesBytes = 0;
  #oldestBody = 1;

  /** The number of the next request. */
  next(): number {
    return this.#last + 1;
  }

  /** Adds a request that has just arrived. */
  add(record: JournalRecord): void {
    this.#last = record.n;
    this.#requests += 1;
    this.#open += 1;
    this.#records.set(record.n, record);
    const forgotten = this.#records.get(record.n - MAX_ENTRIES);
    if (forgotten !== undefined) this.#drop(forgotten);
  }

  /** Stores the body of a request that has arrived whole. */
  keepBody(record: JournalRecord, body: Buffer): void {
    record.bodyBytes = body.length;
    record.sha256 = hash('sha256', body, 'hex');
    if (this.#records.get(record.n) !== record) return;
    record.body = body.length <= MAX_BODY_BYTES_KEPT ? body : Buffer.from(body.subarray(0, MAX_BODY_BYTES_KEPT));
    this.#bodiesBytes += record.body.length;
    for (; this.#bodiesBytes > MAX_BODIES_BYTES_KEPT && this.#oldestBody < record.n; this.#oldestBody += 1) {
      this.#dropBody(this.#records.get(this.#oldestBody));
    }
  }

  /** Marks a request as over. */
  close(record: JournalRecord): void {
    record.isOpen = false;
    this.#open -= 1;
  }

  /** The fake OpenAI is about to close every connection: open requests end by its hand. */
  closeOpen(): void {
    for (const record of this.#records.values()) if (record.isOpen) record.closedBy ??= 'server';
  }

  /** Requests counted, requests open, and the records after number `after`, oldest first. */
  read(after: number = 0): { requests: number; open: number; records: IterableIterator<JournalRecord> } {
    return { requests: this.#requests, open: this.#open, records: newer(this.#records.values(), after) };
  }

  /** Forgets all records; numbers go on, and open requests stay counted. */
  clear(): void {
    this.#records.clear();
    this.#requests = 0;
    this.#bodiesBytes = 0;
    this.#oldestBody = this.#last + 1;
  }

  /** Forgets all records and starts counting anew. */
  reset(): void {
    this.clear();
    this.#last = 0;
    this.#oldestBody = 1;
  }

  #drop(record: JournalRecord): void {
    this.#dropBody(record);
    this.#records.delete(record.n);
  }

  #dropBody(record: JournalRecord | undefined): void {
    if (record?.body == null) return;
    this.#bodiesBytes -= record.body.length;
    record.body = null;
  }
}

function* newer(records: Iterable<JournalRecord>, after: number): Generator<JournalRecord> {
  for (const record of records) if (record.n > after) yield record;
}

function readHeaders(lines: string): Record<string, string> {
  const headers: Record<string, string> = {};
  const parts = lines.split('\n');
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const name = (parts[index] ?? '').toLowerCase();
    const value = parts[index + 1] ?? '';
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}
