// Asks a provider for its models with an account's key: tells a good key from a bad one, and costs nothing.
import type { Secret } from '../core/secret.ts';
import type { Account } from '../core/account.ts';
import type { Provider } from '../core/provider.ts';
import { withoutSecret } from '../core/redaction.ts';
import type { TransportError, Upstream } from './upstream.ts';

/** What a probe found. */
export interface ProbeResult {
  readonly ok: boolean;
  /** The upstream's HTTP status; null where no answer came. */
  readonly status: number | null;
  /** The models that the key may use, sorted; empty where it is no good. */
  readonly models: readonly string[];
  /** One sentence without secrets; null where all is well. */
  readonly message: string | null;
  readonly durationMs: number;
}

const answerLimitBytes = 8 << 20;

/** Lists the provider's models with `credential` (the account's own, or one that shall replace it). Never a paid call. */
export function probe(
  upstream: Upstream,
  provider: Provider,
  account: Pick<Account, 'authHeaders' | 'organization' | 'project'>,
  credential: Secret,
  timeoutMs: number,
): Promise<ProbeResult> {
  const startedAt = performance.now();
  const headers = account.authHeaders(credential).flat();
  if (account.organization !== null) headers.push('openai-organization', account.organization);
  if (account.project !== null) headers.push('openai-project', account.project);
  headers.push('accept', 'application/json');
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    let status: number | null = null;
    let isTimedOut = false;
    const finish = (result: Pick<ProbeResult, 'ok' | 'models' | 'message'>): void => {
      clearTimeout(timer);
      resolve({ ...result, status, durationMs: Math.round(performance.now() - startedAt) });
    };
    const transmission = upstream.send(
      {
        origin: provider.origin,
        mayBePrivate: provider.config.allow_private === true,
        method: 'GET',
        path: `${provider.basePath}/models`,
        headers,
        body: null,
      },
      {
        onSent() {},
        onHead(received) {
          status = received;
        },
        onData(chunk) {
          size += chunk.length;
          if (size > answerLimitBytes) transmission.abort();
          else chunks.push(chunk);
        },
        onEnd() {
          finish(readAnswer(provider, status ?? 0, Buffer.concat(chunks), credential));
        },
        onError(error: TransportError) {
          const message = isTimedOut
            ? `${provider.origin} did not answer within ${timeoutMs} ms.`
            : `${provider.origin}: ${error.message}.`;
          finish({ ok: false, models: [], message });
        },
      },
    );
    const timer = setTimeout(() => {
      isTimedOut = true;
      transmission.abort();
    }, timeoutMs);
  });
}

function readAnswer(
  provider: Provider,
  status: number,
  body: Buffer,
  credential: Secret,
): Pick<ProbeResult, 'ok' | 'models' | 'message'> {
  const parsed = parse(body);
  if (status !== 200) {
    const said = (parsed as { error?: { message?: unknown } } | undefined)?.error?.message;
    const message =
      typeof said === 'string' ? withoutSecret(said, credential) : `${provider.origin} answered ${status}.`;
    return { ok: false, models: [], message };
  }
  const list = (parsed as { data?: unknown } | undefined)?.data;
  if (!Array.isArray(list)) {
    return {
      ok: false,
      models: [],
      message: `${provider.origin} answered 200 without a list of models; check the provider's base_url.`,
    };
  }
  const models = list.flatMap((model: { id?: unknown }) => (typeof model.id === 'string' ? [model.id] : [])).sort();
  return { ok: true, models, message: null };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
