// Tests of the way between a client and the application behind the management API.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StopReason } from '../core/exchange.ts';
import { Cancellation } from '../lib/cancellation.ts';
import { carry } from './bridge.ts';
import type { Call } from './parts.ts';

test('of a long answer no more is made when the client has gone', async () => {
  const cancellation = new Cancellation<StopReason>();
  let made = 0;
  let isEnded = false;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (; made < 1000; made += 1) yield Buffer.from('a line\n');
    } finally {
      isEnded = true;
    }
  }
  let written = 0;
  const answer = {
    start() {},
    write() {
      written += 1;
      if (written === 3) cancellation.cancel('client_gone');
      return true;
    },
    end() {},
  };
  const call = { id: 'req_1', method: 'GET', target: '/', headers: [], header: () => undefined, answer, cancellation };
  await carry(call as unknown as Call, () => new Response(ReadableStream.from(pieces())));
  assert.equal(written, 3);
  assert.ok(made < 20, `${made} were made`);
  assert.ok(isEnded);
});

test('HEAD is answered as GET is, and of a long answer no more is made than its beginning', async () => {
  const target = '/';
  for (const [pieces, length] of [
    [1, 7],
    [1000, undefined],
  ] as const) {
    let made = 0;
    let isEnded = false;
    async function* lines(): AsyncGenerator<Uint8Array> {
      try {
        for (; made < pieces; made += 1) yield Buffer.from('a line\n');
      } finally {
        isEnded = true;
      }
    }
    const ends: (number | undefined)[] = [];
    const answer = {
      start() {},
      write: () => assert.fail('nothing of a long answer is wanted'),
      end: (bytes?: Uint8Array) => void ends.push(bytes?.length),
    };
    const cancellation = new Cancellation<StopReason>();
    const call = { id: 'req_1', method: 'HEAD', target, headers: [], header: () => undefined, answer, cancellation };
    await carry(call as unknown as Call, ({ method }) => {
      assert.equal(method, 'GET');
      return new Response(ReadableStream.from(lines()));
    });
    assert.deepEqual(ends, [length]);
    assert.ok(made < 20, `${made} were made`);
    assert.ok(isEnded);
  }
});
