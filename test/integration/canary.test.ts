// Canary secrets go through everything the gateway does, at the highest log level, and are then looked for everywhere: only the vault may know them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { startMock, type Mock } from '../../src/mock/server.ts';
import { filesBelow, findCanaries } from '../support/canaries.ts';
import { runProgram, type Program } from '../support/program.ts';
import {
  jsonAnswer,
  startRawUpstream,
  streamHead,
  chunked,
  type RawRequest,
  type RawUpstream,
} from '../support/raw-upstream.ts';
import { chat } from '../support/rig.ts';

const fresh = (): string => randomBytes(18).toString('hex');

/** What must not be seen outside the vault. None is like another in its first twelve characters. */
const canaries: Record<string, string> = {
  'the key of the first account': `sk-${fresh()}`,
  'the key of the second account': `sk-${fresh()}`,
  'a key that was rotated in': `sk-${fresh()}`,
  'a key that the upstream refuses': `sk-${fresh()}`,
  'a key of another form': `${fresh()}.${fresh()}`,
  'a key in the wrong place': `sk-${fresh()}`,
  'the admin token': fresh() + fresh(),
  'a wrong admin token': fresh() + fresh(),
  'a client key that is none': `agw_${fresh()}`,
  'the master key': randomBytes(32).toString('base64'),
  'the prompt': fresh(),
  "the model's answer": fresh(),
};
const secret = (name: keyof typeof canaries): string => canaries[name] ?? assert.fail(name);

/** Everything that any answer held, headers included. */
const answers: (readonly [where: string, text: string])[] = [];

/** The upstream that repeats what it was sent, in every place where an upstream can write. */
function echo(socket: Socket, { head, body }: RawRequest): void {
  const key = /^authorization: bearer (\S+)$/imu.exec(head)?.[1] ?? '';
  const model = /"model":"([^"]*)"/u.exec(body.toString())?.[1] ?? '';
  const error = (message: string, more: object = {}): string =>
    JSON.stringify({ error: { message, type: 'x', param: null, code: null, ...more } });
  const starred = `${key.slice(0, 12)}${'*'.repeat(20)}${key.slice(-4)}`;
  const whole: Readonly<Record<string, readonly [status: string, body: string]>> = {
    '401': ['401 Unauthorized', error(`Incorrect API key provided: ${key}.`, { code: 'invalid_api_key' })],
    starred: ['400 Bad Request', error(`Your key ${starred} may not do this.`)],
    '400': ['400 Bad Request', error(`You sent ${key}`, { param: key })],
    '403': ['403 Forbidden', error(`Key ${key} is from another country`)],
    '404': ['404 Not Found', error(`No model for ${key}`, { code: 'model_not_found' })],
    '429': [
      '429 Too Many Requests',
      error(`Rate limit for ${key} in organization org-x`, { code: 'rate_limit_exceeded' }),
    ],
    '500': ['500 Internal Server Error', error(`Trace: authorization: Bearer ${key}`)],
    html: ['502 Bad Gateway', `<html>Authorization: Bearer ${key}</html>`],
    html401: ['401 Unauthorized', `<html>${key}</html>`],
    text: ['400 Bad Request', `nope: ${key}`],
    base64: ['400 Bad Request', error(`Got ${Buffer.from(key).toString('base64')}`)],
    ok: ['200 OK', error(`Inside a success: ${key}`)],
    cut: ['200 OK', `{"choices":[{"message":{"content":"${key}`],
  };
  const found = whole[model];
  if (found !== undefined) {
    socket.write(
      jsonAnswer(
        found[1],
        `${found[0]}\r\nx-echo: Bearer ${key}\r\nx-request-id: ${key}\r\nwww-authenticate: Bearer ${key}`,
      ),
    );
    return;
  }
  const event = (data: unknown): Buffer => chunked(Buffer.from(`data: ${JSON.stringify(data)}\n\n`));
  const content = {
    id: 'x',
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: { content: 'hi' }, finish_reason: null }],
  };
  socket.write(streamHead);
  if (model !== 'first') socket.write(event(content));
  socket.write(event(JSON.parse(error(`In the stream: ${key}`))));
  socket.end(chunked(Buffer.alloc(0)));
}

suite('canaries', () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-canary-'));
  const begun = new AsyncDisposableStack();
  let mock: Mock;
  let echoing: RawUpstream;
  let program: Program;
  let url: string;

  /** Asks, and keeps what came. */
  async function ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    isSecret = false,
  ): Promise<{ status: number; text: string }> {
    const response = await fetch(url + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text().catch((error: Error) => String(error));
    const kept = isSecret ? text.replaceAll(/"agw_[^"]*"/gu, '""') : text;
    answers.push([
      `the answer to ${method} ${path.slice(0, 60)} (${response.status})`,
      JSON.stringify([...response.headers]) + kept,
    ]);
    return { status: response.status, text };
  }

  const admin = { authorization: `Bearer ${secret('the admin token')}` };
  async function manage(
    method: string,
    path: string,
    body?: unknown,
    isSecret = false,
  ): Promise<Record<string, string>> {
    const { text } = await ask(method, `/api/v1${path}`, body, admin, isSecret);
    return text === '' ? {} : (JSON.parse(text) as Record<string, string>);
  }

  before(async () => {
    begun.defer(() => rmSync(folder, { recursive: true, force: true }));
    mock = await startMock({
      script: {
        bad_keys: [secret('a key that the upstream refuses')],
        chunk_text: secret("the model's answer"),
        chunks: 2,
      },
    });
    begun.defer(() => mock.close());
    echoing = await startRawUpstream(echo);
    begun.defer(() => echoing.close());
    program = runProgram([], {
      env: {
        AIGATEWAY_PORT: '0',
        AIGATEWAY_DATA_DIR: folder,
        AIGATEWAY_LOG_LEVEL: 'trace',
        AIGATEWAY_LOG_FORMAT: 'json',
        AIGATEWAY_ADMIN_TOKEN: secret('the admin token'),
        AIGATEWAY_ENCRYPTION_KEY: secret('the master key'),
        AIGATEWAY_FIRST_BYTE_TIMEOUT_MS: '1000',
        AIGATEWAY_STREAM_IDLE_TIMEOUT_MS: '1000',
        AIGATEWAY_REQUEST_TIMEOUT_MS: '4000',
        AIGATEWAY_QUEUE_TIMEOUT_MS: '0',
        AIGATEWAY_DRAIN_TIMEOUT_MS: '0',
      },
    });
    begun.use(program);
    url = await program.url;
  });
  after(() => begun.disposeAsync());

  test('the admin does everything, well and badly', async () => {
    await manage('PATCH', '/providers/openai', { base_url: mock.url });
    await manage('POST', '/providers', { id: 'echo', base_url: echoing.url, config: { key_prefixes: [] } });
    const account = (label: string, key: string, more: object = {}): object => ({
      provider_id: 'openai',
      label,
      auth_data: { api_key: key },
      ...more,
    });
    await manage('POST', '/accounts', account('One', secret('the key of the first account'), { id: 'one' }));
    await manage('POST', '/accounts', account('Two', secret('the key of the second account'), { id: 'two' }));
    await manage(
      'POST',
      '/accounts',
      account('Bad', secret('a key that the upstream refuses'), { id: 'bad', priority: 1 }),
    );
    await manage(
      'POST',
      '/accounts',
      account('Echo', secret('a key of another form'), { id: 'echo', provider_id: 'echo' }),
    );
    for (const id of ['one', 'two', 'bad', 'echo']) {
      await manage('POST', `/accounts/${id}/test`, {});
      await manage('GET', `/accounts/${id}`);
    }
    const wrong = secret('a key in the wrong place');
    await manage('POST', '/accounts', account('x', wrong, { [wrong]: wrong }));
    await manage('POST', '/accounts', { ...account('x', wrong), auth_data: wrong });
    await manage('POST', '/accounts', { ...account('x', wrong), auth_data: { api_key: wrong, token: wrong } });
    await manage('POST', '/accounts', { ...account('x', `xx-${wrong}`) });
    await manage('POST', '/accounts', `{"auth_data": "${wrong}`);
    await manage('POST', '/accounts', { ...account('x', wrong), provider_id: 'nobody' });
    await manage('PATCH', '/accounts/one', { auth_data: { api_key: `${wrong}\n${wrong}` } });
    await manage('POST', '/accounts/one/rotate', { auth_data: { api_key: secret('a key that the upstream refuses') } });
    await manage('POST', '/accounts/one/rotate', { auth_data: { api_key: secret('a key that was rotated in') } });
    await manage('POST', '/accounts/echo/rotate', { auth_data: { api_key: secret('a key of another form') } });
    await manage('POST', '/accounts/two/drain', {});
    await manage('POST', '/accounts/two/undrain', {});
    await ask('GET', `/api/v1/accounts/${wrong}?api_key=${wrong}`, undefined, admin);
    const key = await manage('POST', '/keys', { name: 'Client' }, true);
    canaries['a client key'] = key['key'] ?? '';
    const rotated = await manage('POST', `/keys/${key['id']}/rotate`, { grace_period_ms: 60_000 }, true);
    canaries['a rotated client key'] = rotated['key'] ?? '';
    for (const [name, text] of Object.entries(canaries)) assert.ok(text.length >= 30, name);
  });

  test('clients ask for everything, and every upstream says what it should not', async () => {
    const client = { authorization: `Bearer ${secret('a client key')}` };
    const say = (model: string, more: Record<string, unknown> = {}): object => ({
      ...chat(model, more),
      messages: [{ role: 'user', content: secret('the prompt') }],
    });
    const post = (body: unknown, headers: Record<string, string> = client): Promise<unknown> =>
      ask('POST', '/v1/chat/completions', body, headers);
    for (const stream of [false, true]) {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...client, 'content-type': 'application/json' },
        body: JSON.stringify(say('gpt-4', { stream })),
      });
      assert.ok((await response.text()).includes(secret("the model's answer")), 'the client hears the answer');
    }
    const { faults } = (await (await fetch(`${mock.url}/__faults`)).json()) as { faults: { name: string }[] };
    assert.ok(faults.length > 20);
    const models: [model: string, stream: boolean][] = faults.flatMap(({ name }) =>
      [false, true].map((stream) => [`gpt-fault-${name}`, stream] as const),
    );
    const echoes = [
      '401',
      'starred',
      '400',
      '403',
      '404',
      '429',
      '500',
      'html',
      'html401',
      'text',
      'base64',
      'ok',
      'cut',
      'first',
      'later',
    ];
    for (const model of echoes) models.push([`echo/${model}`, false], [`echo/${model}`, true]);
    let next = 0;
    const askInTurn = async (): Promise<void> => {
      for (let at = next++; at < models.length; at = next++) {
        const [model, stream] = models[at] ?? ['', false];
        // What some faults bring is the model's own answer: the client may hear that.
        const before = answers.length;
        await post(say(model, { stream }));
        const own = answers[before];
        if (own !== undefined) answers[before] = [own[0], own[1].replaceAll(secret("the model's answer"), '')];
        if (model.startsWith('echo/')) await manage('POST', '/accounts/echo/unbench', {});
      }
    };
    await Promise.all(Array.from({ length: 8 }, askInTurn));
    for (const name of ['a client key that is none', 'a wrong admin token', 'the key of the first account'] as const) {
      const headers = { authorization: `Bearer ${secret(name)}` };
      await post(say('gpt-4'), headers);
      await ask('GET', '/api/v1/settings', undefined, headers);
      await ask('GET', `/v1/models?key=${secret(name)}`, undefined, headers);
      await ask('GET', `/v1/models/x`, undefined, {
        ...headers,
        'x-api-key': secret(name),
        cookie: `a=${secret(name)}`,
      });
      await ask('POST', '/v1/embeddings', `{"model": "${'x'.repeat(10)}`, headers);
    }
    await post(`{"model":"gpt-4","messages":[{"content":"${secret('the prompt')}"`, client);
    await ask('GET', '/nowhere', undefined, client);
  });

  test('the admin reads everything', async () => {
    const { paths } = (await manage('GET', '/openapi.json')) as unknown as {
      paths: Record<string, Record<string, unknown>>;
    };
    for (const [path, methods] of Object.entries(paths)) {
      if (!('get' in methods)) continue;
      const id = path.includes('/providers') ? 'openai' : 'one';
      await ask('GET', path.replace('{id}', id), undefined, admin);
    }
    const { data } = (await manage('GET', '/requests?limit=1000')) as unknown as { data: { id: string }[] };
    assert.ok(data.length > 20, `${data.length} requests on record`);
    for (const { id } of data) await manage('GET', `/requests/${id}`);
    await ask('GET', '/api/v1/usage?group_by=key,account,model', undefined, { ...admin, accept: 'text/csv' });
    await manage('POST', '/route/explain', {
      model: 'gpt-4',
      messages: [{ role: 'user', content: secret('the prompt') }],
    });
    await manage('GET', '/audit?limit=1000');
    for (const path of ['/metrics', '/ready', '/health']) await ask('GET', path);
    assert.ok(answers.length > 200, `${answers.length} answers`);
  });

  test('and nobody finds a secret: not in answers, log, metrics, database, spool or any other file, running or stopped', async () => {
    const found: string[] = [];
    for (const [where, text] of answers) found.push(...findCanaries(canaries, where, text));
    const files = (when: string): void => {
      for (const [path, bytes] of filesBelow(folder)) found.push(...findCanaries(canaries, `${path} ${when}`, bytes));
    };
    files('while it runs');
    const names = filesBelow(folder).map(([path]) => path);
    assert.ok(names.includes('aigateway.db') && names.includes('aigateway.db-wal'), names.join());
    program.process.kill('SIGTERM');
    assert.equal(await program.exit, 0);
    files('afterwards');
    const log = program.output() + program.errors();
    assert.ok(log.split('\n').length > 200, 'the log was not silent');
    for (const line of log.split('\n')) found.push(...findCanaries(canaries, `the log: ${line.slice(0, 200)}`, line));
    assert.deepEqual(found, []);
  });

  test('what went upstream holds the keys of accounts, and nothing else of ours', async () => {
    const { 'the prompt': _, ...others } = canaries;
    const journal = JSON.stringify(mock.journal().entries.map(({ headers, path }) => [headers, path]));
    const heads = echoing.requests.map(({ head }) => head).join('\n');
    const seen = findCanaries(others, 'a request', journal + heads);
    assert.deepEqual(seen, ['a key of another form in a request'], 'the fake OpenAI masks the keys in its journal');
  });

  test('the search finds what is there', () => {
    const text = secret('the admin token');
    for (const form of [
      `x${text}y`,
      text.slice(0, 12),
      Buffer.from(`a${text}`).toString('base64'),
      Buffer.from(`{"a":"${text}"}`).toString('base64url'),
      Buffer.from(text).toString('hex'),
    ])
      assert.deepEqual(findCanaries({ it: text }, 'here', form), ['it in here'], form);
    assert.deepEqual(findCanaries({ it: text }, 'here', text.slice(0, 11)), []);
  });
});
