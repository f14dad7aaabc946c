// Transcripts through the whole gateway: nothing of a prompt anywhere unless its key says so, and nothing left once deleted.
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openLedgerStore } from '../../src/storage/open-ledger-store.ts';
import { eventually } from '../support/await.ts';
import { filesBelow } from '../support/canaries.ts';
import { limitedClient, type LimitedClient } from '../support/limited-client.ts';
import { startProgramRig } from '../support/program-rig.ts';
import { startRig, type Rig } from '../support/rig.ts';
import { ledgerUrlOf } from '../support/test-database.ts';

const secret = 'Zwetschgenknoedel-4711';

interface Transcript {
  readonly request_id: string;
  readonly key_id: string;
  readonly request: { readonly text: string; readonly is_cut: boolean };
  readonly answer: { readonly text: string; readonly is_cut: boolean } | null;
}

async function idOf(response: Response): Promise<string> {
  await response.text();
  return response.headers.get('x-aigateway-request-id') ?? '';
}

function messages(content: string): Record<string, unknown> {
  return { messages: [{ role: 'user', content }] };
}

async function readTranscript(rig: Rig, id: string): Promise<Transcript | undefined> {
  const answer = await fetch(`${rig.url}/api/v1/requests/${id}/transcript`);
  assert.ok(answer.status === 200 || answer.status === 404, String(answer.status));
  const body = (await answer.json()) as Transcript;
  return answer.status === 200 ? body : undefined;
}

/** What the client saw of a stream. */
function deltas(stream: string): string {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice('data: '.length)) as { choices?: { delta?: { content?: string } }[] })
    .map(({ choices }) => choices?.[0]?.delta?.content ?? '')
    .join('');
}

/** Names of the data folder's files that hold the text. */
function filesWith(folder: string, text: string): string[] {
  return filesBelow(folder)
    .filter(([, bytes]) => bytes.includes(text))
    .map(([path]) => path);
}

test('with the switch off nothing of a prompt or an answer is in the data folder or the log', async () => {
  const rig = await startProgramRig({ settings: { LOG_LEVEL: 'trace' } });
  await using program = rig;
  const client = await limitedClient(program, {});
  const said: string[] = [];
  for (const stream of [false, true]) {
    const { text } = await client.ask({ model: 'gpt-4', stream, ...messages(`${secret} ${'word '.repeat(30)}`) });
    said.push(stream ? deltas(text) : (JSON.parse(text) as Whole).choices[0].message.content);
  }
  for (const model of ['gpt-fault-cut-mid-stream', 'gpt-fault-500', 'gpt-fault-400'])
    await client.ask({ model, stream: true, ...messages(secret) });
  await program.manage('GET', '/requests');
  for (const text of [secret, ...said.map((words) => words.slice(0, 30))]) {
    assert.ok(text.length > 10, 'the answer has words');
    assert.deepEqual(filesWith(program.folder, text), []);
    assert.ok(!(program.program.output() + program.program.errors()).includes(text));
  }
});

interface Whole {
  readonly choices: [{ readonly message: { readonly content: string } }];
}

test('with the switch on both sides are kept: whole, streamed, cut, and of what failed the question alone', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { keeps_transcripts: true });
  const whole = await client.chat(messages(secret));
  const wholeText = await whole.clone().text();
  const kept = await readTranscript(rig, await idOf(whole));
  assert.equal(kept?.key_id, client.id);
  assert.deepEqual(JSON.parse(kept?.request.text ?? ''), { model: 'gpt-4', ...messages(secret) });
  assert.deepEqual(kept?.answer, { text: wholeText, is_cut: false });

  const streamed = await client.chat({ stream: true, ...messages('Tell me more') });
  const words = deltas(await streamed.clone().text());
  assert.deepEqual((await readTranscript(rig, await idOf(streamed)))?.answer, { text: words, is_cut: false });

  const long = await readTranscript(rig, await idOf(await client.chat(messages('x'.repeat(100_000)))));
  assert.deepEqual([long?.request.is_cut, long?.request.text.length], [true, 65_536]);

  const cut = await client.chat({ model: 'gpt-fault-cut-mid-stream', stream: true, ...messages('Be brief') });
  const cutWords = deltas(await cut.clone().text());
  const cutId = await idOf(cut);
  // Its tokens are counted first.
  await eventually('the broken answer is kept', async () => (await readTranscript(rig, cutId)) !== undefined);
  assert.deepEqual((await readTranscript(rig, cutId))?.answer, { text: cutWords, is_cut: false });

  const failed = await readTranscript(rig, await idOf(await client.chat({ model: 'gpt-fault-400' })));
  assert.deepEqual([failed?.answer, failed?.request.is_cut], [null, false]);
  const refused = await client.chat({ model: 'no-such-model' });
  assert.equal(await readTranscript(rig, await idOf(refused)), undefined);
});

/** Asks once, and waits until the words are in the database. */
async function ask(rig: Rig, client: LimitedClient, words: string): Promise<string> {
  const id = await idOf(await client.chat(messages(words)));
  assert.ok(await readTranscript(rig, id));
  return id;
}

test('the switch holds for the next request; deleting reaches one, all of a key, and those of a deleted key', async () => {
  await using rig = await startRig();
  const client = await limitedClient(rig, { keeps_transcripts: true });
  const other = await limitedClient(rig, { keeps_transcripts: true });
  const [one, two, kept] = [
    await ask(rig, client, 'one'),
    await ask(rig, client, 'two'),
    await ask(rig, other, 'three'),
  ];
  await rig.manage('DELETE', `/requests/${one}/transcript`);
  assert.equal(await readTranscript(rig, one), undefined);
  assert.ok(await rig.manage('GET', `/requests/${one}`), 'the request stays');
  await assert.rejects(rig.manage('DELETE', `/requests/${one}/transcript`), /404/u);

  await rig.manage('DELETE', `/keys/${client.id}/transcripts`);
  assert.equal(await readTranscript(rig, two), undefined);
  assert.ok(await readTranscript(rig, kept), "another key's stay");
  const audit = await rig.manage<{ data: { method: string; path: string; before: unknown; after: unknown }[] }>(
    'GET',
    '/audit',
  );
  assert.deepEqual(audit.data[1]?.before, { id: one, key_id: client.id, has_transcript: true });
  assert.equal(audit.data[1]?.after, null);
  assert.deepEqual(
    audit.data.slice(0, 2).map(({ method, path }) => `${method} ${path}`),
    [`DELETE /api/v1/keys/${client.id}/transcripts`, `DELETE /api/v1/requests/${one}/transcript`],
  );

  await rig.manage('PATCH', `/keys/${client.id}`, { keeps_transcripts: false });
  const off = await idOf(await client.chat(messages(secret)));
  assert.equal(await readTranscript(rig, off), undefined);

  await rig.manage('DELETE', `/keys/${other.id}`);
  assert.equal(await readTranscript(rig, kept), undefined);
  await assert.rejects(rig.manage('DELETE', `/keys/${other.id}/transcripts`), /404/u);
});

/** Way to delete → how. */
const deletions: Readonly<Record<string, (rig: Rig, client: LimitedClient) => Promise<unknown>>> = {
  'by the administrator': (rig, client) => rig.manage('DELETE', `/keys/${client.id}/transcripts`),
  async 'by age'(rig) {
    const store = await openLedgerStore(ledgerUrlOf(rig.database));
    const maintenance = await store.openMaintenance({ requestsMs: null, transcriptsMs: 1000 });
    const laterMs = Date.now() + 60_000;
    for (let n = 0; n < 20; n += 1) await maintenance.step(laterMs);
    await maintenance.close();
    await store.close();
  },
};

for (const [name, doDelete] of Object.entries(deletions)) {
  test(`what was deleted ${name} is overwritten in the embedded database`, async (t) => {
    await using rig = await startRig();
    if (rig.database.startsWith('postgres')) return t.skip('a file of SQLite is looked into');
    const client = await limitedClient(rig, { keeps_transcripts: true });
    await ask(rig, client, secret.repeat(500));
    const checkpoint = (): void => {
      const database = new DatabaseSync(rig.database, { timeout: 5000 });
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
    };
    checkpoint();
    assert.deepEqual(filesWith(rig.folder, secret), ['aigateway.db']);
    await doDelete(rig, client);
    checkpoint();
    assert.deepEqual(filesWith(rig.folder, secret), []);
    return undefined;
  });
}
