// One small question to a provider, outside of any client's request: GET, and the whole answer.
import type { Provider } from '../core/provider.ts';
import { joinBytes } from '../lib/bytes.ts';
import type { TransportError, Upstream } from './upstream.ts';

/** The answer, or one sentence without secrets on why there is none. `status` is what was heard before it broke off. */
export type Asked =
  | { readonly status: number; readonly body: Buffer }
  | { readonly status: number | null; readonly problem: string };

const answerLimitBytes = 8 << 20;

/** Asks for `path`, below the provider's own; `headers` are names and values in turn. */
export function ask(
  upstream: Upstream,
  provider: Pick<Provider, 'origin' | 'basePath' | 'config'>,
  path: string,
  headers: readonly string[],
  timeoutMs: number,
): Promise<Asked> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    let status: number | null = null;
    let isTimedOut = false;
    const transmission = upstream.send(
      {
        origin: provider.origin,
        mayBePrivate: provider.config.allow_private === true,
        method: 'GET',
        path: `${provider.basePath}${path}`,
        headers: [...headers, 'accept', 'application/json'],
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
          else chunks.push(joinBytes([chunk]));
        },
        onEnd() {
          clearTimeout(timer);
          resolve({ status: status ?? 0, body: Buffer.concat(chunks) });
        },
        onError(error: TransportError) {
          clearTimeout(timer);
          const problem = isTimedOut
            ? `${provider.origin} did not answer within ${timeoutMs} ms.`
            : `${provider.origin}: ${error.message}.`;
          resolve({ status, problem });
        },
      },
    );
    const timer = setTimeout(() => {
      isTimedOut = true;
      transmission.abort();
    }, timeoutMs);
  });
}

/** The JSON of an answer; undefined where it is none. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What an upstream says in the error of an answer; undefined where it says nothing. */
export function messageIn(json: unknown): string | undefined {
  const said = (json as { error?: { message?: unknown } } | null | undefined)?.error?.message;
  return typeof said === 'string' ? said : undefined;
}
