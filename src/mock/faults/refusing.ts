// Faults that are an error answer of OpenAI's, in OpenAI's words.
import { rateLimitHeaders, retryAfterHeaders } from '../headers.ts';
import {
  incorrectKey,
  rateLimited,
  refuse,
  requestTooLarge,
  SERVER_ERROR,
  unknownModel,
  unknownPath,
  type ErrorFields,
} from '../refusals.ts';
import type { Reply, ReplyHeaders } from '../reply.ts';
import { starredKey } from '../keys.ts';
import type { Fault, FaultParameter, Scene } from './fault.ts';

const LIMITS = { requests: 500, tokens: 30_000 } as const;
const WAIT_SECONDS: FaultParameter = { meaning: 'seconds to wait', byDefault: 1 };
const WAIT_MS: FaultParameter = { meaning: 'milliseconds to wait', byDefault: 1500 };

const QUOTA: ErrorFields = {
  message:
    'You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.',
  type: 'insufficient_quota',
  code: 'insufficient_quota',
};

const UNAVAILABLE: ErrorFields = {
  message: 'The server is currently unavailable. Please try again later.',
  type: 'server_error',
};

/** The rows, by name. */
export const REFUSING_FAULTS = {
  '401': {
    about: '401 invalid_api_key; the message echoes the key with stars in its middle.',
    reply: (scene) => incorrectKey(starredKey(scene.key)),
  },
  '401-echo-key': {
    about: '401 invalid_api_key; the message echoes the whole key.',
    reply: (scene) => incorrectKey(scene.key),
  },
  '401-deactivated': fixed('401 account_deactivated.', 401, {
    message:
      'The OpenAI account associated with this API key has been deactivated. Please check your email for more information. If you feel this is an error, contact us through our help center at help.openai.com.',
    code: 'account_deactivated',
  }),
  '400': fixed('400 about a field of the body.', 400, {
    message:
      "Invalid value: 'fault'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
    param: 'messages[0].role',
    code: 'invalid_value',
  }),
  '400-context-length': fixed('400 context_length_exceeded.', 400, {
    message:
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 204308 tokens. Please reduce the length of the messages.",
    param: 'messages',
    code: 'context_length_exceeded',
  }),
  '400-content-policy': fixed('400 content_policy_violation.', 400, {
    message:
      'Your request was rejected as a result of our safety system. Your prompt may contain text that is not allowed by our safety system.',
    code: 'content_policy_violation',
  }),
  '403-country': fixed('403 unsupported_country_region_territory.', 403, {
    message: 'Country, region, or territory not supported',
    type: 'request_forbidden',
    code: 'unsupported_country_region_territory',
  }),
  '403-key': fixed('403: the key lacks a permission.', 403, {
    message:
      'You have insufficient permissions for this operation. Missing scopes: model.request. Check that you have the correct role in your organization and project, and if you are using a restricted API key, that it has the necessary scopes.',
  }),
  '404': { about: '404: no such path.', reply: (scene) => unknownPath('POST', scene.path) },
  '404-model': { about: '404 model_not_found.', reply: (scene) => unknownModel(scene.model) },
  '409': fixed('409: a conflict.', 409, { message: 'The resource was updated by another request. Please try again.' }),
  '413': fixed('413: the body is too large.', 413, {
    message: 'The request body is larger than what this endpoint takes.',
  }),
  '415': fixed('415: the content-type is none that is taken.', 415, {
    message: 'Unsupported content-type. Use application/json.',
  }),
  '422': fixed('422: understood and refused.', 422, {
    message: 'Your request could not be processed. Please check its fields.',
  }),
  '429': {
    about: '429 rate_limit_exceeded on requests, with Retry-After.',
    parameter: WAIT_SECONDS,
    reply: (scene, seconds) => requestsExceeded(scene, seconds * 1000, { 'retry-after': String(seconds) }),
  },
  '429-no-retry-after': {
    about: '429 rate_limit_exceeded on requests; the wait stands only in the message and the reset headers.',
    parameter: WAIT_SECONDS,
    reply: (scene, seconds) => requestsExceeded(scene, seconds * 1000, {}),
  },
  '429-bare': fixed('429 rate_limit_exceeded that says nowhere how long to wait.', 429, {
    message: 'Rate limit reached for requests',
    type: 'requests',
    code: 'rate_limit_exceeded',
  }),
  '429-retry-after-ms': {
    about: '429 rate_limit_exceeded on requests, with retry-after-ms.',
    parameter: WAIT_MS,
    reply: (scene, ms) => requestsExceeded(scene, ms, { 'retry-after-ms': String(ms) }),
  },
  '429-retry-after-date': {
    about: '429 rate_limit_exceeded on requests, with Retry-After as an HTTP date.',
    parameter: { meaning: 'seconds to wait', byDefault: 2 },
    reply: (scene, seconds) =>
      requestsExceeded(scene, seconds * 1000, { 'retry-after': new Date(scene.nowMs + seconds * 1000).toUTCString() }),
  },
  '429-tokens': {
    about: '429 rate_limit_exceeded on tokens, with retry-after and retry-after-ms.',
    parameter: WAIT_MS,
    reply: (scene, ms) => tokensExceeded(scene, ms),
  },
  '429-request-too-large': {
    about: '429 that no waiting helps: the request alone is over the token limit.',
    reply: ({ model, organization }) => {
      const facts = { model, organization, per: 'tokens', limit: LIMITS.tokens, used: 0, requested: 30_601 } as const;
      return requestTooLarge(facts, quotaHeaders(LIMITS.requests, LIMITS.tokens, 0));
    },
  },
  '429-insufficient-quota': fixed('429 insufficient_quota: no money left.', 429, QUOTA),
  '429-slow-down': fixed('429 slow_down: the traffic grew too fast.', 429, {
    message:
      'Your request rate increased too quickly. To ensure system stability, please adjust your request rate to scale more smoothly over time.',
    type: 'rate_limit_error',
    code: 'slow_down',
  }),
  '500': fixed('500 server_error.', 500, SERVER_ERROR),
  '503': fixed('503 server_error.', 503, UNAVAILABLE),
  '503-retry-after': {
    about: '503 server_error, with Retry-After.',
    parameter: WAIT_SECONDS,
    reply: (_, seconds) => refuse(503, UNAVAILABLE, { 'retry-after': String(seconds) }),
  },
  '503-overloaded': fixed('503 server_is_overloaded.', 503, {
    message: 'Our servers are currently overloaded. Please try again later.',
    type: 'service_unavailable_error',
    code: 'server_is_overloaded',
  }),
  'should-retry-false': fixed('500 with x-should-retry: false.', 500, SERVER_ERROR, { 'x-should-retry': 'false' }),
  'should-retry-true-400': fixed(
    '400 with x-should-retry: true.',
    400,
    { message: 'The request could not be read this time.' },
    { 'x-should-retry': 'true' },
  ),
} satisfies Readonly<Record<string, Fault>>;

function fixed(about: string, status: number, fields: ErrorFields, headers: ReplyHeaders = {}): Fault {
  return { about, reply: () => refuse(status, fields, headers) };
}

function requestsExceeded({ model, organization }: Scene, waitMs: number, headers: ReplyHeaders): Reply {
  const limit = LIMITS.requests;
  const facts = { model, organization, per: 'requests', limit, used: limit, requested: 1 } as const;
  return rateLimited(facts, waitMs, { ...quotaHeaders(0, LIMITS.tokens, waitMs), ...headers });
}

function tokensExceeded({ model, organization }: Scene, waitMs: number): Reply {
  const facts = { model, organization, per: 'tokens', limit: LIMITS.tokens, used: 29_937, requested: 385 } as const;
  return rateLimited(facts, waitMs, { ...quotaHeaders(LIMITS.requests - 1, 63, waitMs), ...retryAfterHeaders(waitMs) });
}

function quotaHeaders(remainingRequests: number, remainingTokens: number, waitMs: number): ReplyHeaders {
  return rateLimitHeaders({
    limitRequests: LIMITS.requests,
    remainingRequests,
    resetRequestsMs: remainingRequests === 0 ? waitMs : 120,
    limitTokens: LIMITS.tokens,
    remainingTokens,
    resetTokensMs: remainingTokens === LIMITS.tokens ? 0 : waitMs,
  });
}
