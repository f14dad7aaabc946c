// A management API on a free port over a fresh database, with a probe that never leaves the process.
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { watchClientKeys, type ClientKeyWatch } from '../../src/configuration/client-key-watch.ts';
import { buildConfiguration } from '../../src/configuration/snapshot.ts';
import { watchConfiguration, type ConfigurationWatch } from '../../src/configuration/watch.ts';
import type { Provider } from '../../src/core/provider.ts';
import type { Secret } from '../../src/core/secret.ts';
import { readSettings } from '../../src/core/settings.ts';
import { HttpListener } from '../../src/http/listener.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { FailureMeter } from '../../src/lib/failure-meter.ts';
import { explain } from '../../src/gateway/explain.ts';
import { AuditTrail } from '../../src/management/audit-trail.ts';
import { createManagement } from '../../src/management/management.ts';
import { Pool } from '../../src/pool/pool.ts';
import { modelPrefixes } from '../../src/providers/registry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { ProbeResult } from '../../src/upstream/probe.ts';
import { openVault, type Vault } from '../../src/vault/vault.ts';
import { freshDatabase, openTestStorage } from './test-database.ts';

/** A key that must never be seen outside the vault. */
export const canary = 'sk-proj-canary0123456789canary';

/** What a probe was asked. */
export interface Probed {
  readonly provider: Provider;
  readonly headers: readonly [string, string][];
  readonly credential: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any;
}

/** The API under test with all that it stands on. */
export interface TestManagement {
  readonly origin: string;
  readonly folder: string;
  /** The file or the URL of its database, for SQL from outside. */
  readonly file: string;
  readonly storage: Storage;
  readonly trail: AuditTrail;
  readonly vault: Vault;
  readonly configuration: ConfigurationWatch;
  readonly clientKeys: ClientKeyWatch;
  readonly pool: Pool;
  readonly logged: { level: string; fields: Record<string, unknown>; message: string }[];
  readonly probed: Probed[];
  /** What the ledger does when it is to bring everything into the database. */
  set sync(sync: () => Promise<void>);
  /** What the next probes find. */
  probeResult: ProbeResult | Promise<ProbeResult>;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Sends headers and body as they are, `Host` included. */
  raw(method: string, path: string, headers: Record<string, string>, body?: string | Buffer): Promise<Answer>;
}

export const goodProbe: ProbeResult = { ok: true, status: 200, models: ['gpt-4'], message: null, durationMs: 7 };

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Starts the API; it ends with the test. */
export async function startManagement(
  context: TestContext,
  flags: Record<string, string> = {},
  change: (storage: Storage) => Storage = (storage) => storage,
): Promise<TestManagement> {
  const directory = await mkdtemp(join(tmpdir(), 'aigateway-management-'));
  const database = await freshDatabase(directory);
  const file = database.outside;
  const opened = await openTestStorage(database);
  const storage = change(opened);
  const vault = await openVault(undefined, directory, {
    read: () => opened.readNote('vault'),
    keep: (proof) => opened.keepNote('vault', proof),
  });
  const trail = await AuditTrail.open(storage, systemClock);
  const pool = new Pool();
  let isStopped = false;
  const unlessStopped = (error: unknown): void => {
    // What was on its way when the test ended finds the database closed.
    if (!isStopped) throw error;
  };
  const configuration = await watchConfiguration({
    storage: opened,
    build: (rows, before) => buildConfiguration(rows, vault, before),
    clock: systemClock,
    onRevision: (revision) => void trail.noteOutside(revision).catch(unlessStopped),
    onChange: (now) => pool.apply(now),
    onTrouble() {},
  });
  const clientKeys = await watchClientKeys({
    store: opened.clientKeys,
    notices: storage,
    clock: systemClock,
    onProblem() {},
    onTrouble() {},
  });
  const logged: TestManagement['logged'] = [];
  const log = (level: string) => (fields: object, message: string) =>
    void logged.push({ level, fields: { ...fields }, message });
  const probed: Probed[] = [];
  const state: { probeResult: ProbeResult | Promise<ProbeResult>; sync: () => Promise<void> } = {
    probeResult: goodProbe,
    sync: () => Promise.resolve(),
  };
  const listener = createManagement({
    storage,
    trail,
    vault,
    configuration,
    clientKeys,
    keyUses: new Map(),
    failedKeys: new FailureMeter(20),
    pool,
    clock: systemClock,
    settings: readSettings(flags, {}),
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    probe: async (provider, account, credential: Secret) => {
      probed.push({ provider, headers: [...account.authHeaders(credential)], credential: credential.reveal() });
      return state.probeResult;
    },
    askBooks: async () => ({ problem: 'there are no books here', status: null }),
    ledger: { sync: () => state.sync() },
    explain: (body) =>
      explain({ configuration: () => configuration.current(), modelPrefixes, pool, clock: systemClock }, body),
  });
  const web = new HttpListener({
    serve: (exchange) => void listener(exchange),
    isDraining: () => false,
    nowMs: () => systemClock.nowMs(),
    maxBodyBytes: 64 << 20,
    maxConnections: 100,
    onConnectionRefused() {},
  });
  const { server } = web;
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  context.after(async () => {
    isStopped = true;
    web.close();
    web.closeAll();
    configuration.stop();
    clientKeys.stop();
    await opened.close();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    origin,
    folder: directory,
    file,
    storage,
    trail,
    vault,
    configuration,
    clientKeys,
    pool,
    logged,
    probed,
    set sync(sync: () => Promise<void>) {
      state.sync = sync;
    },
    get probeResult() {
      return state.probeResult;
    },
    set probeResult(result) {
      state.probeResult = result;
    },
    async call(method, path, body, headers = {}) {
      const answer = await fetch(`${origin}/api/v1${path}`, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, text, json: parse(text) };
    },
    raw(method, path, headers, body) {
      return new Promise((resolve, reject) => {
        const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const answered = new Headers();
            for (const [name, value] of Object.entries(incoming.headers)) answered.set(name, String(value));
            resolve({ status: incoming.statusCode ?? 0, headers: answered, text, json: parse(text) });
          });
        });
        sent.on('error', reject);
        sent.end(body);
      });
    },
  };
}
