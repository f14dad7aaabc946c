// A client with a key of its own: made through the management API, then used like any client.
import type { Rig, RigClient } from './rig.ts';

/** A key's limits, as the management API takes them. */
export interface KeyLimits {
  readonly name?: string;
  readonly rpm?: number;
  readonly tpm?: number;
  readonly max_concurrency?: number;
  readonly budget?: { readonly amount: string; readonly period?: string };
  readonly limits_mode?: 'enforce' | 'shadow';
  readonly budget_mode?: 'enforce' | 'shadow';
  readonly allows_unpriced?: boolean;
  readonly keeps_transcripts?: boolean;
}

/** A client with a key. */
export interface LimitedClient {
  readonly id: string;
  readonly key: string;
  /** Asks for a chat. */
  chat(body?: Record<string, unknown>, signal?: AbortSignal): Promise<Response>;
  /** Asks, and reads the answer to its end. */
  ask(body?: Record<string, unknown>): Promise<Answer>;
}

/** An answer that was read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of an error's body. */
  readonly error: { readonly code: string | null; readonly type: string; readonly message: string } | undefined;
}

/** Makes a key with these limits. */
export async function limitedClient(
  { manage, post }: Pick<Rig, 'manage' | 'post'> & RigClient,
  limits: KeyLimits,
): Promise<LimitedClient> {
  const { id, key } = await manage<{ id: string; key: string }>('POST', '/keys', { name: 'Test', ...limits });
  const chat = (body: Record<string, unknown> = {}, signal?: AbortSignal): Promise<Response> =>
    post(
      '/v1/chat/completions',
      { model: 'gpt-4', messages: [{ role: 'user', content: 'one two three' }], ...body },
      { authorization: `Bearer ${key}` },
      signal,
    );
  return {
    id,
    key,
    chat,
    async ask(body) {
      const response = await chat(body);
      const text = await response.text();
      const isError = response.status >= 400;
      return {
        status: response.status,
        headers: response.headers,
        text,
        error: isError ? (JSON.parse(text) as { error: Answer['error'] }).error : undefined,
      };
    },
  };
}
