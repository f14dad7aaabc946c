// The answer headers of api.openai.com and of the CDN before it.
import { goDuration } from '../lib/go-duration.ts';
import type { ReplyHeaders } from './reply.ts';

/** What the six rate-limit headers state; a reset is the time until the quota is full again. */
export interface QuotaState {
  readonly limitRequests: number;
  readonly remainingRequests: number;
  readonly resetRequestsMs: number;
  readonly limitTokens: number;
  readonly remainingTokens: number;
  readonly resetTokensMs: number;
}

/** The six `x-ratelimit-*` headers. */
export function rateLimitHeaders(state: QuotaState): ReplyHeaders {
  return {
    'x-ratelimit-limit-requests': String(state.limitRequests),
    'x-ratelimit-limit-tokens': String(state.limitTokens),
    'x-ratelimit-remaining-requests': String(state.remainingRequests),
    'x-ratelimit-remaining-tokens': String(state.remainingTokens),
    'x-ratelimit-reset-requests': goDuration(state.resetRequestsMs),
    'x-ratelimit-reset-tokens': goDuration(state.resetTokensMs),
  };
}

/** `retry-after` (whole seconds, rounded up) and `retry-after-ms`. */
export function retryAfterHeaders(waitMs: number): ReplyHeaders {
  const wholeMs = Math.ceil(waitMs - 1e-6);
  return { 'retry-after': String(Math.ceil(wholeMs / 1000)), 'retry-after-ms': String(wholeMs) };
}

/** Headers of the CDN, which even its own error pages carry. `id` is 32 hexadecimal digits. */
export function edgeHeaders(id: string): ReplyHeaders {
  return {
    'cf-cache-status': 'DYNAMIC',
    'set-cookie': [
      `__cf_bm=${id}; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None`,
      `_cfuvid=${id}; path=/; domain=.api.openai.com; HttpOnly; Secure; SameSite=None`,
    ],
    server: 'cloudflare',
    'cf-ray': `${id.slice(16)}-AMS`,
    'alt-svc': 'h3=":443"; ma=86400',
  };
}

/** OpenAI's own headers; organization and project are left out where no key was recognised. */
export function openaiHeaders(
  id: string,
  processingMs: number,
  owner: { readonly organization: string; readonly project: string } | undefined,
): ReplyHeaders {
  const common = {
    'access-control-expose-headers': 'X-Request-ID',
    'openai-processing-ms': String(processingMs),
    'openai-version': '2020-10-01',
    'x-request-id': `req_${id}`,
    'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
    'x-content-type-options': 'nosniff',
  };
  if (owner === undefined) return common;
  return { ...common, 'openai-organization': owner.organization, 'openai-project': owner.project };
}
