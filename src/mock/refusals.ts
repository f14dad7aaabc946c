// Every error that the fake OpenAI answers with, in OpenAI's words; wire facts from its public error pages and seen answers.
import { goDuration } from '../lib/go-duration.ts';
import type { Reply, ReplyHeaders } from './reply.ts';

/** The four fields of OpenAI's error object. */
export interface ErrorFields {
  readonly message: string;
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** The sentence of OpenAI's 500. */
export const SERVER_ERROR: ErrorFields = {
  message:
    'The server had an error while processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if the error persists.',
  type: 'server_error',
};

/** The error object as OpenAI sends it; type defaults to `invalid_request_error`, param and code to null. */
export function errorBody(fields: ErrorFields): { readonly error: Required<ErrorFields> } {
  const { message, type = 'invalid_request_error', param = null, code = null } = fields;
  return { error: { message, type, param, code } };
}

/** An error answer, indented by four as OpenAI's are. */
export function refuse(status: number, fields: ErrorFields, headers: ReplyHeaders = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: `${JSON.stringify(errorBody(fields), null, 4)}\n`,
  };
}

/** 401 without a code: no usable Authorization header. */
export function missingKey(): Reply {
  return refuse(401, {
    message:
      "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.",
  });
}

/** 401 `invalid_api_key`; `shownKey` is what the message echoes. */
export function incorrectKey(shownKey: string): Reply {
  return refuse(401, {
    message: `Incorrect API key provided: ${shownKey}. You can find your API key at https://platform.openai.com/account/api-keys.`,
    code: 'invalid_api_key',
  });
}

/** 403: the key is good, and not for this. */
export function missingScope(scope: string): Reply {
  return refuse(403, {
    message: `You have insufficient permissions for this operation. Missing scopes: ${scope}. Check that you have the correct role in your organization, and if you're using a restricted API key, that it has the necessary scopes.`,
  });
}

/** 404: no such path. */
export function unknownPath(method: string, path: string): Reply {
  return refuse(404, { message: `Invalid URL (${method} ${path})` });
}

/** 405: the path exists, the method does not. */
export function wrongMethod(allowed: string): Reply {
  const fields = { message: `Only ${allowed} requests are accepted.`, code: 'method_not_supported' };
  return refuse(405, fields, { allow: allowed });
}

/** 404 `model_not_found`. */
export function unknownModel(model: string): Reply {
  return refuse(404, {
    message: `The model \`${model}\` does not exist or you do not have access to it.`,
    code: 'model_not_found',
  });
}

/** 400: the body is not JSON. */
export function notJson(): Reply {
  return refuse(400, {
    message:
      "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)",
  });
}

/** 400 about one field of the body. */
export function badField(param: string, message: string, code: string | null = null): Reply {
  return refuse(400, { message, param, code });
}

/** 413: the body is over the limit of the fake OpenAI. */
export function bodyTooLarge(limitBytes: number): Reply {
  return refuse(413, { message: `The request body is larger than ${limitBytes} bytes.` }, { connection: 'close' });
}

/** What a rate-limit message says; `per` is also the error's type. */
export interface RateLimitFacts {
  readonly model: string;
  readonly organization: string;
  readonly per: 'requests' | 'tokens';
  readonly limit: number;
  readonly used: number;
  readonly requested: number;
}

const UNIT = { requests: 'requests per min (RPM)', tokens: 'tokens per min (TPM)' } as const;
const MORE = 'Visit https://platform.openai.com/account/rate-limits to learn more.';

/** 429 `rate_limit_exceeded`; `waitMs` is in the text, and in headers only where the caller adds them. */
export function rateLimited(facts: RateLimitFacts, waitMs: number, headers: ReplyHeaders): Reply {
  const { model, organization, per, limit, used, requested } = facts;
  const numbers = `Limit ${limit}, Used ${used}, Requested ${requested}`;
  const message = `Rate limit reached for ${model} in organization ${organization} on ${UNIT[per]}: ${numbers}. Please try again in ${goDuration(waitMs)}. ${MORE}`;
  return refuse(429, { message, type: per, code: 'rate_limit_exceeded' }, headers);
}

/** 429 that no waiting helps: the request alone is over the limit. */
export function requestTooLarge(facts: RateLimitFacts, headers: ReplyHeaders): Reply {
  const { model, organization, per, limit, requested } = facts;
  const message = `Request too large for ${model} in organization ${organization} on ${UNIT[per]}: Limit ${limit}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${MORE}`;
  return refuse(429, { message, type: per, code: 'rate_limit_exceeded' }, headers);
}
