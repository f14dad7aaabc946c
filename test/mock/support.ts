// What the tests of the fake OpenAI share: a started one, plain requests, and a raw socket that shows the wire.
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import OpenAI from 'openai';
import type { JournalEntry } from '../../src/mock/journal.ts';
import { startMock, type Mock, type MockOptions } from '../../src/mock/server.ts';

export const KEY = 'sk-test-0123456789abcdef';

/** A fake OpenAI that ends with the test. */
export async function start(t: TestContext, options: MockOptions = {}): Promise<Mock> {
  const mock = await startMock(options);
  t.after(() => mock.close());
  return mock;
}

/** The real client, without retries. */
export function client(mock: Mock, key: string = KEY): OpenAI {
  return new OpenAI({ apiKey: key, baseURL: `${mock.url}/v1`, maxRetries: 0 });
}

/** A chat body. */
export function chat(fields: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  return { model: 'gpt-4o', messages: [{ role: 'user', content: 'one two three four five six' }], ...fields };
}

/** Posts JSON (or text as it is). */
export function post(
  mock: Mock,
  body: unknown,
  options: { path?: string; key?: string | null } = {},
): Promise<Response> {
  const { path = '/v1/chat/completions', key = KEY } = options;
  return fetch(mock.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/json', ...(key !== null && { authorization: `Bearer ${key}` }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** The error object of an answer. */
export async function errorOf(response: Response): Promise<Record<string, unknown>> {
  const body = (await response.json()) as { error: Record<string, unknown> };
  return body.error;
}

/** What came over a raw connection, and how it ended: `open` when nothing happened for `patienceMs`. */
export interface Wire {
  readonly head: string;
  readonly body: Buffer;
  readonly text: string;
  readonly reads: readonly Buffer[];
  readonly end: 'fin' | 'reset' | 'open';
  /** The body ended as HTTP says: the last chunk, or all promised bytes. */
  readonly isWhole: boolean;
}

/** Posts over a raw socket that asks for `connection: close`, and records the wire. */
export function wire(mock: Mock, body: unknown, patienceMs: number = 200, key: string = KEY): Promise<Wire> {
  const json = JSON.stringify(body);
  const head = [
    'POST /v1/chat/completions HTTP/1.1',
    'host: mock.test',
    `authorization: Bearer ${key}`,
    'connection: close',
    `content-length: ${Buffer.byteLength(json)}`,
  ].join('\r\n');
  return new Promise((resolve) => {
    const reads: Buffer[] = [];
    const socket = connect(mock.port, '127.0.0.1');
    const finish = (end: Wire['end']): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(readWire(reads, end));
    };
    const timer = setTimeout(finish, patienceMs, 'open');
    socket.on('data', (data: Buffer) => {
      reads.push(data);
      timer.refresh();
    });
    socket.on('end', () => finish('fin'));
    socket.on('error', () => finish('reset'));
    socket.write(`${head}\r\n\r\n${json}`);
  });
}

function readWire(reads: readonly Buffer[], end: Wire['end']): Wire {
  const all = Buffer.concat(reads);
  const headEnd = all.indexOf('\r\n\r\n');
  const head = headEnd < 0 ? '' : all.subarray(0, headEnd).toString('latin1').toLowerCase();
  const rest = all.subarray(headEnd < 0 ? 0 : headEnd + 4);
  const isChunked = head.includes('transfer-encoding: chunked');
  const length = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
  const { body, isWhole } = isChunked ? unchunk(rest) : { body: rest, isWhole: rest.length === length };
  return { head, body, text: body.toString(), reads, end, isWhole };
}

function unchunk(data: Buffer): { body: Buffer; isWhole: boolean } {
  const parts: Buffer[] = [];
  let place = 0;
  for (;;) {
    const lineEnd = data.indexOf('\r\n', place);
    if (lineEnd < 0) return { body: Buffer.concat(parts), isWhole: false };
    const size = Number.parseInt(data.subarray(place, lineEnd).toString(), 16);
    if (size === 0) return { body: Buffer.concat(parts), isWhole: true };
    parts.push(data.subarray(lineEnd + 2, lineEnd + 2 + size));
    place = lineEnd + 2 + size + 2;
  }
}

/** The data lines of a stream, parsed; `[DONE]` stays text. */
export function events(text: string): readonly unknown[] {
  return text
    .split(/\r\n\r\n|\n\n|\r\r/)
    .flatMap((block) => block.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice('data: '.length))
    .map((data) => (data === '[DONE]' ? data : (JSON.parse(data) as unknown)));
}

/** Waits until the journal's newest entry fits, at most two seconds. */
export async function entryThat(mock: Mock, fits: (entry: JournalEntry) => boolean): Promise<JournalEntry> {
  for (let tries = 0; tries < 400; tries += 1) {
    const entry = mock.journal().entries.at(-1);
    if (entry !== undefined && fits(entry)) return entry;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no such entry; the newest is ${JSON.stringify(mock.journal().entries.at(-1))}`);
}
