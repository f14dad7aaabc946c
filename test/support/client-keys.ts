// What tests of client keys share: keys made through the API, and requests with them.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { chat, type RigClient } from './rig.ts';

/** A client key as POST and rotate answer it, as far as the tests read it. */
export interface MadeKey {
  readonly id: string;
  readonly key: string;
}

/** Makes a client key. */
export function makeKey(rig: RigClient, fields: Record<string, unknown> = {}): Promise<MadeKey> {
  return rig.manage<MadeKey>('POST', '/keys', { name: 'Key', ...fields });
}

/** The header that shows a key. */
export function bearer(key: string): { authorization: string } {
  return { authorization: `Bearer ${key}` };
}

/** The status of a small chat with this key; with none where it is undefined. */
export async function statusWith(rig: RigClient, key?: string): Promise<number> {
  const answer = await rig.post('/v1/chat/completions', chat('gpt-4'), key === undefined ? {} : bearer(key));
  await answer.arrayBuffer();
  return answer.status;
}

/** Asks until the status comes, two seconds at most: longer than any change by SQL may take to hold. */
export async function untilStatus(wanted: number, ask: () => Promise<number>): Promise<void> {
  const untilMs = performance.now() + 2000;
  for (;;) {
    const status = await ask();
    if (status === wanted) return;
    assert.ok(performance.now() < untilMs, `still ${status}, not ${wanted}`);
    await sleep(20);
  }
}
