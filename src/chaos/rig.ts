// A gateway on a copy of the configuration, with fake upstreams and fake keys in the place of the real ones, on loopback only.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings, type SettingName } from '../core/settings.ts';
import { startGateway } from '../main.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { JournalEntry } from '../mock/journal.ts';
import { startMock, type Mock } from '../mock/server.ts';
import { sceneRows, type Addresses } from './scene-rows.ts';
import { sceneScript, fakeKeys } from './scene-script.ts';
import type { Scene } from './scene.ts';
import { startSilentServer, type SilentServer } from './silent-server.ts';
import type { Template } from './template.ts';

/** Limits so short that no scenario waits long for them. */
const shortLimits: Partial<Record<SettingName, string>> = {
  CONNECT_TIMEOUT_MS: '1000',
  FIRST_BYTE_TIMEOUT_MS: '1000',
  STREAM_IDLE_TIMEOUT_MS: '1000',
  REQUEST_TIMEOUT_MS: '30000',
};

/** One call of an upstream: its line in the journal, and whose it was. */
export interface UpstreamCall extends JournalEntry {
  readonly providerId: string;
}

/** A gateway with fake upstreams behind it. */
export interface ChaosRig extends AsyncDisposable {
  readonly url: string;
  /** The model to ask for. */
  readonly model: string;
  /** The route's own provider. */
  readonly primaryId: string;
  readonly scene: Scene;
  /** Every call so far, in order. */
  calls(): UpstreamCall[];
  /** Faults begin anew, their time windows too. */
  beginAnew(): void;
  /** What stands in for a provider that never shakes hands. */
  readonly silent: SilentServer | undefined;
}

/** Starts a rig below `parent`. Use it with `await using`. */
export async function startRig(template: Template, scene: Scene, parent: string): Promise<ChaosRig> {
  await using resources = new AsyncDisposableStack();
  const folder = mkdtempSync(join(parent, 'rig-'));
  resources.defer(() => rmSync(folder, { recursive: true, force: true }));
  const mocks = new Map<string, Mock>();
  const silent = scene.primary === 'never shakes hands' ? resources.use(await startSilentServer()) : undefined;
  const { stops, rows } = sceneRows(template, scene);
  for (const providerId of new Set(stops.map((stop) => stop.providerId))) {
    const script = sceneScript(scene, stops, providerId === template.target.provider.id);
    const mock = await startMock({ port: 0, script });
    mocks.set(providerId, mock);
    resources.defer(() => mock.close());
  }
  const primaryId = template.target.provider.id;
  const addresses: Addresses = (id) => {
    if (id === primaryId && silent !== undefined) return silent.url;
    return (mocks.get(id) ?? mocks.get(primaryId))?.url ?? '';
  };
  const settings = readSettings(
    { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'silent', DRAIN_TIMEOUT_MS: '0', ...shortLimits, ...scene.settings },
    {},
  );
  const storage = await openStorage(settings);
  try {
    const { providers, routes } = rows(addresses);
    for (const row of providers) await storage.providers.insert(row);
    for (const row of routes) await storage.routes.insert(row);
  } finally {
    await storage.close();
  }
  const gateway = await startGateway(settings, () => {});
  resources.defer(() => gateway.stop());
  for (const providerId of mocks.keys()) await addAccounts(gateway.url, providerId, scene);
  if (scene.primary === 'refuses connections') await mocks.get(primaryId)?.close();
  const owned = resources.move();
  return {
    url: gateway.url,
    model: template.model,
    primaryId,
    scene,
    silent,
    calls: () =>
      [...mocks]
        .flatMap(([providerId, mock]) => mock.journal().entries.map((entry) => ({ ...entry, providerId })))
        .sort((a, b) => a.at - b.at),
    beginAnew() {
      for (const mock of mocks.values()) mock.reset();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The faulty account is asked first. */
async function addAccounts(url: string, providerId: string, { maxConcurrency }: Scene): Promise<void> {
  for (const [label, priority] of [
    ['faulty', 1],
    ['healthy', 0],
  ] as const) {
    const limits = maxConcurrency === undefined ? {} : { max_concurrency: maxConcurrency };
    const response = await fetch(`${url}/api/v1/accounts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        provider_id: providerId,
        label,
        auth_data: { api_key: fakeKeys[label] },
        priority,
        limits,
      }),
    });
    if (!response.ok) throw new Error(`no account for ${providerId}: ${await response.text()}`);
  }
}
