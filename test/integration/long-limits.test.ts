// Limits of more than an hour: nothing hidden in a library, or in the gateway, fires before them.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { mock, suite, test } from 'node:test';
import { readSettings } from '../../src/core/settings.ts';
import { jsonAnswer, startRawUpstream } from '../support/raw-upstream.ts';
import { chat, startRig } from '../support/rig.ts';

const hourMs = 3_600_000;
const limits = {
  REQUEST_TIMEOUT_MS: String(3 * hourMs),
  FIRST_BYTE_TIMEOUT_MS: String(2 * hourMs),
  STREAM_IDLE_TIMEOUT_MS: String(2 * hourMs),
  CONNECT_TIMEOUT_MS: String(2 * hourMs),
};
const answer = JSON.stringify({ id: 'x', object: 'chat.completion', choices: [], usage: { prompt_tokens: 1 } });

/** What a client without any time limit of its own has heard so far. */
interface Heard {
  status: number | undefined;
  text: string;
  isOver: boolean;
}

function post(url: string, body: unknown): Heard {
  const heard: Heard = { status: undefined, text: '', isOver: false };
  const call = request(`${url}/v1/chat/completions`, {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'application/json' },
  });
  call.on('response', (response) => {
    heard.status = response.statusCode;
    response.setEncoding('utf8').on('data', (text: string) => (heard.text += text));
    response.on('close', () => (heard.isOver = true));
  });
  call.on('error', () => (heard.isOver = true));
  call.end(JSON.stringify(body));
  return heard;
}

/** Waits without a timer: those stand still here. */
async function eventually(what: string, holds: () => boolean): Promise<void> {
  const endAt = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < endAt, what);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets every timer of this process that is due within so long fire, one after the other. */
async function pass(ms: number): Promise<void> {
  for (let done = 0; done < ms; done += hourMs / 12) {
    mock.timers.tick(hourMs / 12);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

suite('limits of hours', () => {
  test('an answer may take almost two hours to begin, and its limit is the one that ends the wait', async () => {
    let release = (): void => {};
    const raw = await startRawUpstream((socket, _request, n) => {
      if (n === 1) release = () => void socket.write(jsonAnswer(answer));
    });
    await using rig = await startRig({ settings: { ...limits, MAX_ATTEMPTS: '1' } });
    await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      const patient = post(rig.url, chat('gpt-4'));
      await eventually('it is under way', () => raw.requests.length === 1);
      await pass(1.9 * hourMs);
      assert.equal(patient.isOver, false);
      release();
      await eventually('it is answered', () => patient.isOver);
      assert.deepEqual([patient.status, patient.text], [200, answer]);
    } finally {
      mock.timers.reset();
      await raw.close();
    }
  });

  test('a stream may be silent for almost two hours', async () => {
    const event = (delta: object, finish: string | null): string =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    let release = (): void => {};
    const raw = await startRawUpstream((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${event({ content: 'a' }, null)}`);
      release = () => void socket.end(`${event({}, 'stop')}data: [DONE]\n\n`);
    });
    await using rig = await startRig({ settings: limits });
    await rig.manage('PATCH', '/providers/openai', { base_url: raw.url });
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    try {
      const patient = post(rig.url, chat('gpt-4', { stream: true }));
      await eventually('it has begun', () => patient.text.includes('"a"'));
      await pass(1.9 * hourMs);
      assert.equal(patient.isOver, false);
      release();
      await eventually('it is whole', () => patient.isOver);
      assert.match(patient.text, /\[DONE\]\n\n$/u);
    } finally {
      mock.timers.reset();
      await raw.close();
    }
  });

  test('no limit can be set that Node’s timers would turn into none at all', () => {
    const longestTimerMs = 2 ** 31 - 1;
    for (const name of Object.keys(limits)) {
      assert.throws(
        () => readSettings({ [name]: String(longestTimerMs + 1) }, {}),
        new RegExp(name.toLowerCase().replaceAll('_', '-'), 'u'),
      );
      readSettings({ [name]: String(24 * 24 * hourMs) }, {});
    }
  });
});
