// `aigateway demo`: a fake OpenAI, a gateway, an account and a streamed chat, offline, told as they happen.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../core/settings.ts';
import { eventData, EventSplitter } from '../lib/sse.ts';
import { startGateway } from '../main.ts';
import { startMock } from '../mock/server.ts';
import { CommandError, type Command } from './command.ts';

const question = 'Why should I put a gateway in front of my OpenAI accounts?';

export const demo: Command = {
  name: 'demo',
  summary: 'Shows the whole thing offline: fake OpenAI, gateway, two accounts, one streamed chat.',
  usage: '',
  options: {},
  settings: [],
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'aigateway-demo-'));
    const upstream = await startMock({
      port: 0,
      script: { keys: { 'sk-demo-revoked-0000000001': { fault: '401' } }, chunk_delay_ms: 30 },
    });
    const settings = readSettings({ PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'silent', DRAIN_TIMEOUT_MS: '1000' }, {});
    const gateway = await startGateway(settings, () => {});
    try {
      await tell(gateway.url, upstream.url);
    } finally {
      await Promise.all([gateway.stop(), upstream.close()]);
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const say = (text: string): boolean => process.stdout.write(`${text}\n`);

async function tell(gateway: string, upstream: string): Promise<void> {
  say(`\n1. A fake OpenAI answers at ${upstream}, aigateway at ${gateway}.\n`);
  await manage(gateway, 'PATCH', '/providers/openai', { base_url: upstream });

  say(
    '2. Two accounts are added, as you would with curl. The first is to be used first, but OpenAI has revoked its key.\n',
  );
  for (const [label, key, priority] of [
    ['Revoked', 'sk-demo-revoked-0000000001', 1],
    ['Team A', 'sk-demo-good-0000000000002', 0],
  ] as const) {
    const body = { provider_id: 'openai', label, auth_data: { api_key: key }, is_active: true, priority };
    const account = await manage<{ id: string; auth_data: { api_key: string } }>(gateway, 'POST', '/accounts', body);
    say(`   POST /api/v1/accounts  →  201  ${account.id}  "${label}"  ${account.auth_data.api_key}`);
  }

  say(
    `\n3. A client streams a chat, unaware of all that:\n\n   POST /v1/chat/completions  {"model":"gpt-4","stream":true,…}\n`,
  );
  const response = await fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4', stream: true, messages: [{ role: 'user', content: question }] }),
  });
  if (response.body === null || !response.ok) throw new CommandError(`the gateway answered ${response.status}`);
  process.stdout.write('   ');
  for await (const text of readStream(response.body)) process.stdout.write(text);
  const header = (name: string): string => response.headers.get(name) ?? '?';
  say(
    `\n\n   HTTP ${response.status}, served by ${header('x-aigateway-account')} after ${header('x-aigateway-attempts')} attempts.`,
  );

  say('\n4. What the gateway did: the first account was refused, so it was benched and the next one served.\n');
  const accounts = await manage<{ data: { label: string; health: { status: string; reason: string | null } }[] }>(
    gateway,
    'GET',
    '/accounts',
  );
  for (const { label, health } of accounts.data)
    say(`   ${label.padEnd(10)}${health.status.padEnd(9)}${health.reason ?? ''}`.trimEnd());

  say(`\nNow for real:  npm start
Add your key:  npx aigateway accounts add --label "Team A"
Then point any OpenAI client at http://127.0.0.1:8080/v1\n`);
}

async function manage<Answer>(gateway: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${gateway}/api/v1${path}`, {
    method,
    ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new CommandError(`${method} ${path}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

async function* readStream(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const splitter = new EventSplitter(1 << 20);
  for await (const chunk of body) {
    const texts: string[] = [];
    splitter.push(chunk, (event) => {
      const data = Buffer.from(eventData(event) ?? []).toString('utf8');
      if (data === '' || data === '[DONE]') return;
      const parsed = JSON.parse(data) as { choices: { delta: { content?: string } }[] };
      texts.push(parsed.choices[0]?.delta.content ?? '');
    });
    yield texts.join('');
  }
}
