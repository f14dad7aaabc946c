// Asks a provider for a page of its own books with an admin key.
import { withoutSecret } from '../core/redaction.ts';
import type { Provider } from '../core/provider.ts';
import type { Secret } from '../core/secret.ts';
import { ask, jsonOf, messageIn } from './ask.ts';
import type { Upstream } from './upstream.ts';

/** A page's JSON, or one sentence without secrets; `status` is the upstream's own, null where no answer came. */
export type AskedBooks = { readonly json: unknown } | { readonly problem: string; readonly status: number | null };

/** `path` stands below the provider's own. Never a paid call. */
export async function askBooks(
  upstream: Upstream,
  provider: Provider,
  adminKey: Secret,
  path: string,
  timeoutMs: number,
): Promise<AskedBooks> {
  const headers = ['authorization', `Bearer ${adminKey.reveal()}`];
  const asked = await ask(upstream, provider, path, headers, timeoutMs);
  if ('problem' in asked) return asked;
  const { status, body } = asked;
  const json = jsonOf(body);
  if (status === 200 && json !== undefined) return { json };
  const said = messageIn(json);
  const problem =
    said === undefined
      ? `${provider.origin} answered ${status}${status === 200 ? ' with what is no JSON' : ''}.`
      : `${provider.origin} answered ${status}: ${withoutSecret(said, adminKey)}`;
  return { problem, status };
}
