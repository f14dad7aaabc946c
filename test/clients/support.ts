// What the tests of real clients share: the client pointed at a gateway, the tool they offer, and a count of what they really send.
import assert from 'node:assert/strict';
import OpenAI, { type ClientOptions } from 'openai';
import type { JournalEntry } from '../../src/mock/journal.ts';
import { eventually } from '../support/await.ts';
import type { Rig } from '../support/rig.ts';

/** What clients send as their key: the gateway must not pass it on. */
export const clientKey = 'sk-client-side-key-0000';

export const question = 'one two three four five';
/** What the fake OpenAI answers to it. */
export const echo = `Echo: ${question}`;

export const messages = [{ role: 'user' as const, content: question }];

/** The parameters of a tool, and the arguments that the fake OpenAI makes of them. */
export const weatherParameters = {
  type: 'object' as const,
  properties: { city: { type: 'string' as const }, days: { type: 'integer' as const, minimum: 3 } },
  required: ['city', 'days'],
  additionalProperties: false,
};
export const weatherArguments = { city: 'text', days: 3 };

/** The official client, pointed at the gateway. */
export function openaiClient(rig: Pick<Rig, 'url'>, options: ClientOptions = {}): OpenAI {
  return new OpenAI({ apiKey: clientKey, baseURL: `${rig.url}/v1`, ...options });
}

/** A `fetch` that counts what the client sends. */
export function countingFetch(): { readonly fetch: typeof fetch; readonly sent: () => number } {
  let count = 0;
  return {
    fetch: (input, init) => {
      count += 1;
      return fetch(input, init);
    },
    sent: () => count,
  };
}

/** What a promise is rejected with; fails where it is not, or not with an instance of `type`. */
export async function rejection<Thrown extends Error>(
  promise: PromiseLike<unknown>,
  // An error class may take anything; it is never called here.
  type: abstract new (...parameters: never[]) => Thrown,
): Promise<Thrown> {
  const settled = await Promise.resolve(promise).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in settled)) assert.fail(`no error, but ${JSON.stringify(settled.value)}`);
  if (!(settled.error instanceof type)) throw settled.error;
  return settled.error;
}

/** Waits until the upstream's newest request was given up by the gateway; fails where that was later than 500 ms after `sinceMs`. */
export async function assertClosedUpstream(rig: Rig, sinceMs: number): Promise<void> {
  const newest = (): JournalEntry | undefined => rig.mock.journal().entries.at(-1);
  await eventually('the upstream connection is closed', () => newest()?.open === false, 3000);
  const { closed_by: closedBy, closed_at: closedAt, finished } = newest() ?? {};
  assert.deepEqual([closedBy, finished], ['client', false]);
  const tookMs = Number(closedAt) - sinceMs;
  assert.ok(tookMs <= 500, `closed ${tookMs} ms after the client had gone`);
}

/** All items of a stream. */
export async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
