// Asks a provider for its models with an account's key: tells a good key from a bad one, and costs nothing.
import type { Secret } from '../core/secret.ts';
import type { Account } from '../core/account.ts';
import type { Provider } from '../core/provider.ts';
import { withoutSecret } from '../core/redaction.ts';
import { ask, jsonOf, messageIn } from './ask.ts';
import type { Upstream } from './upstream.ts';

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

/** Lists the provider's models with `credential` (the account's own, or one that shall replace it). Never a paid call. */
export async function probe(
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
  const asked = await ask(upstream, provider, '/models', headers, timeoutMs);
  const found =
    'problem' in asked
      ? { ok: false, models: [], message: asked.problem }
      : readAnswer(provider, asked.status, asked.body, credential);
  return { ...found, status: asked.status, durationMs: Math.round(performance.now() - startedAt) };
}

function readAnswer(
  provider: Provider,
  status: number,
  body: Buffer,
  credential: Secret,
): Pick<ProbeResult, 'ok' | 'models' | 'message'> {
  const parsed = jsonOf(body);
  if (status !== 200) {
    const said = messageIn(parsed);
    const message = said === undefined ? `${provider.origin} answered ${status}.` : withoutSecret(said, credential);
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
