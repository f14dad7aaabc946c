// A gateway in front of a mock server that checks every request against OpenAI's own schema and says in headers what it found.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './await.ts';
import { startRig, testKey, type Rig } from './rig.ts';

/** OpenAI's own description of its API. */
const document = join(import.meta.dirname, '../fixtures/openai-openapi.yml');
const steadyPath = fileURLToPath(import.meta.resolve('@stdy/cli/steady.js'));

/** A schema, as far as the tests read it. */
export interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** What the checking server says of one request that the gateway passed on. */
export interface Judgement {
  readonly status: number;
  /** Every field has a type and a place that the schema allows. */
  readonly isValid: boolean;
  /** `path: message` of every violation, values past their limits included. */
  readonly violations: readonly string[];
  readonly headers: Headers;
  readonly text: string;
}

/** A gateway with the checking server behind it. */
export interface SchemaRig {
  /** Sends a body, JSON text as it is, through the gateway. */
  judge(path: string, body: unknown, headers?: Record<string, string>): Promise<Judgement>;
  /** Sends a body, and fails unless the schema has nothing to say against it. */
  assertValid(path: string, body: unknown): Promise<void>;
  /** Names of the fields that a schema of the document knows. */
  fields(schemaName: string): readonly string[];
  stop(): Promise<void>;
}

/** Starts both; the server's own provider row says that nothing stands between its address and the endpoint. */
export async function startSchemaRig(): Promise<SchemaRig> {
  const steady = await startSteady();
  let rig: Rig | undefined;
  try {
    rig = await startRig({ keys: [] });
    await rig.manage('POST', '/providers', {
      id: 'steady',
      name: 'The checking server',
      base_url: steady.url,
      auth_type: 'api_key',
      auth_strategy: 'api_key',
      supported_models: [],
      config: { path_prefix: '' },
    });
    const account = { provider_id: 'steady', label: 'Steady', auth_data: { api_key: testKey } };
    await rig.manage('POST', '/accounts', account);
    await rig.manage('POST', '/routes', { pattern: '*', provider_id: 'steady' });
    const specification = await fetch(`${steady.url}/_x-steady/spec`);
    const { components } = (await specification.json()) as { components: { schemas: Record<string, Schema> } };
    const started = rig;
    const judge: SchemaRig['judge'] = async (path, body, headers = {}) => {
      const response = await started.post(path, body, headers);
      return judgementOf(response, await response.text());
    };
    return {
      judge,
      async assertValid(path, body) {
        const { status, isValid, violations, headers } = await judge(path, body);
        assert.deepEqual(violations, []);
        assert.deepEqual([status, isValid], [200, true]);
        assert.equal(`/v1${headers.get('x-steady-matched-path')}`, path);
      },
      fields: (name) => [...fieldsOf({ $ref: name }, components.schemas)].sort(),
      async stop() {
        await started.stop();
        await steady.stop();
      },
    };
  } catch (error) {
    await rig?.stop();
    await steady.stop();
    throw error;
  }
}

function judgementOf(response: Response, text: string): Judgement {
  const { headers, status } = response;
  const count = Number(headers.get('x-steady-error-count'));
  const violations = Array.from({ length: count }, (_, index) => {
    const said = (what: string): string | null => headers.get(`x-steady-error-${index + 1}-${what}`);
    return `${said('path')}: ${said('message')}`;
  });
  return { status, isValid: headers.get('x-steady-request-valid') === 'true', violations, headers, text };
}

function fieldsOf(schema: Schema, schemas: Readonly<Record<string, Schema>>): Set<string> {
  const named = schema.$ref === undefined ? undefined : schemas[schema.$ref.replace('#/components/schemas/', '')];
  const parts = [...(schema.allOf ?? []), ...(named === undefined ? [] : [named])];
  return new Set([...Object.keys(schema.properties ?? {}), ...parts.flatMap((part) => [...fieldsOf(part, schemas)])]);
}

async function startSteady(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [steadyPath, document, '--port', String(port), '--log=false', '--no-color'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  let complaints = '';
  child.stderr.on('data', (text: Buffer) => {
    complaints += text.toString();
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await closed;
  };
  try {
    await eventually(
      'the checking server answers',
      async () => {
        if (child.exitCode !== null) throw new Error(`steady ended: ${complaints}`);
        const answer = await fetch(`${url}/_x-steady/health`).catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.ok === true;
      },
      20_000,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
