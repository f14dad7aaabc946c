// Holds the files for containers to the truth: they parse, know only settings that exist, hold no secret, and wait long enough.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';
import { environmentPrefix, readSettings } from '../src/core/settings.ts';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** A value of each secret's form, by its variable's name without our prefix. */
const secrets: Readonly<Record<string, string>> = {
  ADMIN_TOKEN: 'a'.repeat(64),
  ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
  DATABASE_URL: 'postgres://aigateway@postgres:5432/aigateway',
  REDIS_URL: 'redis://valkey:6379/0',
  POSTGRES_PASSWORD: 'b'.repeat(48),
  VALKEY_PASSWORD: 'c'.repeat(48),
};

type Environment = Readonly<Record<string, string>>;

interface Probe {
  readonly httpGet: { readonly path: string };
}

interface Container {
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly startupProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas?: number;
    readonly selector: Readonly<Record<string, unknown>>;
    readonly template: {
      readonly metadata: { readonly labels: unknown };
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly Container[] };
    };
  };
}

interface Compose {
  readonly services: Readonly<
    Record<string, { environment?: Environment; stop_grace_period?: string; volumes?: string[] }>
  >;
  readonly configs: { readonly caddyfile: { readonly content: string } };
  readonly volumes: Readonly<Record<string, unknown>>;
}

const ours = (environment: Environment): Environment =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith(environmentPrefix)));

/** The text with the variables of the file `.env` put in, as compose does it. */
function filled(text: string): string {
  return text.replaceAll(/(?<!\$)\$\{(\w+):\?\}/gu, (_, name: string) => {
    assert.ok(name in secrets, `nobody says what ${name} is`);
    return secrets[name] ?? '';
  });
}

const composeText = read('deploy/compose.yaml');
const compose = parse(filled(composeText), { merge: true }) as Compose;
const gateways = Object.entries(compose.services).filter(([name]) => name.startsWith('gateway-'));

test('compose.yaml: three gateways on the same stores, with settings that exist, each with a folder of its own', () => {
  assert.equal(gateways.length, 3);
  const shared = gateways.map(([, { environment = {} }]) => {
    const { DATABASE_URL, REDIS_URL } = readSettings({}, ours(environment));
    return [DATABASE_URL, REDIS_URL].map(String).join(' ');
  });
  assert.deepEqual([...new Set(shared)], ['postgres://aigateway@postgres:5432/aigateway redis://valkey:6379/0']);
  const folders = gateways.flatMap(([, { volumes = [] }]) => volumes);
  assert.deepEqual(folders, ['data-1:/data', 'data-2:/data', 'data-3:/data']);
  for (const folder of folders) assert.ok((folder.split(':')[0] ?? '') in compose.volumes);
});

test('compose.yaml: whoever ends a gateway waits longer than it drains, and the balancer asks whether it is ready', () => {
  for (const [name, { environment = {}, stop_grace_period: grace }] of gateways) {
    const { DRAIN_TIMEOUT_MS: drainMs } = readSettings({}, ours(environment));
    assert.ok(Number(grace?.replace(/s$/u, '')) * 1000 >= drainMs + 15_000, name);
    assert.match(compose.configs.caddyfile.content, new RegExp(`\\breverse_proxy .*\\b${name}:8080\\b`, 'u'));
  }
  assert.match(compose.configs.caddyfile.content, /health_uri \/ready\b/u);
});

const kubernetesText = read('deploy/kubernetes.yaml');
const manifests = parseAllDocuments(kubernetesText).map((document) => {
  assert.deepEqual(document.errors, []);
  return document.toJS() as Manifest;
});
const setOf = (name: string): Manifest => {
  const found = manifests.find(({ kind, metadata }) => /Set|Deployment/u.test(kind) && metadata.name === name);
  assert.ok(found, name);
  return found;
};

test('kubernetes.yaml: three gateways with settings that exist, and every Service leads to somebody', () => {
  const { spec } = setOf('aigateway');
  assert.equal(spec.replicas, 3);
  const [container] = spec.template.spec.containers;
  const environment = Object.fromEntries(
    (container?.env ?? []).map(({ name, value }) => [
      name,
      value ?? secrets[name.replace(environmentPrefix, '')] ?? '',
    ]),
  );
  assert.equal(readSettings({}, environment).HOST, '0.0.0.0');
  const services = manifests.filter(({ kind }) => kind === 'Service');
  assert.equal(services.length, 3);
  for (const { metadata, spec: service } of services)
    assert.deepEqual(service.selector, setOf(metadata.name).spec.template.metadata.labels);
});

test('kubernetes.yaml: probes ask what the gateway answers, and the end waits for pause and drain', () => {
  const { containers, terminationGracePeriodSeconds: graceSeconds } = setOf('aigateway').spec.template.spec;
  const [container] = containers;
  assert.ok(container);
  const { livenessProbe, readinessProbe, startupProbe } = container;
  assert.deepEqual(
    [livenessProbe, readinessProbe, startupProbe].map(({ httpGet }) => httpGet.path),
    ['/health', '/ready', '/health'],
  );
  const drain = container.env.find(({ name }) => name === 'AIGATEWAY_DRAIN_TIMEOUT_MS')?.value;
  const pauseSeconds = container.lifecycle.preStop.sleep.seconds;
  assert.ok(graceSeconds >= pauseSeconds + Number(drain) / 1000 + 15);
});

test('no secret stands in the files, and the page makes all that they ask for', () => {
  const page = read('docs/several-gateways.md');
  for (const [, name = ''] of composeText.matchAll(/\$\{(\w+)/gu)) assert.match(page, new RegExp(`^${name}=`, 'mu'));
  for (const [, key = ''] of kubernetesText.matchAll(/secretKeyRef: \{ name: aigateway, key: ([\w-]+) \}/gu))
    assert.ok(page.includes(`--from-literal=${key}=`), key);
  for (const text of [composeText, kubernetesText, read('Dockerfile')])
    for (const [line] of text.matchAll(/^(?! *#).*(?:PASSWORD|TOKEN|ENCRYPTION_KEY)\b.*$/gmu))
      assert.match(line, /\$\{\w+:\?\}|"\$\$?VALKEY_PASSWORD"|- name: /u, line);
});

test('the gateway runs as nobody special, and on Kubernetes writes to nothing but its volume', () => {
  const image = read('Dockerfile');
  assert.match(image, /^USER node$[^]*^CMD \[/mu);
  assert.match(image, /^RUN npm ci --omit=dev --omit=optional\b/mu);
  const manifest = read('deploy/kubernetes.yaml');
  for (const line of ['runAsNonRoot: true', 'readOnlyRootFilesystem: true', 'allowPrivilegeEscalation: false'])
    assert.ok(manifest.includes(line), line);
});

test('the image holds all that the program needs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aigateway-image-'));
  try {
    const left = read('.dockerignore').split('\n');
    for (const [, sources = ''] of read('Dockerfile').matchAll(/^COPY (.+) \S+$/gmu)) {
      for (const source of sources.split(' ')) {
        assert.ok(left.includes(`!${source}`), `${source} is kept from the image`);
        cpSync(join(root, source), join(folder, source), { recursive: true });
      }
    }
    for (const path of globSync('**/*.test.ts', { cwd: folder })) rmSync(join(folder, path));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const [, command = ''] = /^CMD (\[.*\])$/mu.exec(read('Dockerfile')) ?? [];
    const [, ...args] = JSON.parse(command) as string[];
    const { stdout } = await execute(process.execPath, [...args, '--help'], { cwd: folder });
    assert.match(stdout, /--database-url/u);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
