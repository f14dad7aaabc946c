// Reads what OpenAI's answers say of limits: what is left of them, and whose they are (test/fixtures/openai-wire.md section 4).
import type { FailedAnswer, HeaderReader } from '../../core/provider.ts';
import type { QuotaOwner, QuotaReading } from '../../core/quota.ts';
import { longestWaitMs, parseDuration } from '../../lib/retry-after.ts';
import { wholeNumber } from '../../lib/whole-number.ts';
import { readError } from './error-body.ts';

/**
 * The six `x-ratelimit-*` headers; what they leave out is taken from the sentence of a 429, where its body is given.
 * Each is null where it is absent or nonsense. Undefined where none is usable.
 */
export function readQuota(header: HeaderReader, errorBody?: Uint8Array): QuotaReading | undefined {
  const spoken = errorBody === undefined ? undefined : readSpokenQuota(messageOf(errorBody));
  const reading: QuotaReading = {
    limitRequests: limit(header('x-ratelimit-limit-requests')) ?? spoken?.limitRequests ?? null,
    remainingRequests: count(header('x-ratelimit-remaining-requests')) ?? spoken?.remainingRequests ?? null,
    resetRequestsMs: duration(header('x-ratelimit-reset-requests')),
    limitTokens: limit(header('x-ratelimit-limit-tokens')) ?? spoken?.limitTokens ?? null,
    remainingTokens: count(header('x-ratelimit-remaining-tokens')) ?? spoken?.remainingTokens ?? null,
    resetTokensMs: duration(header('x-ratelimit-reset-tokens')),
  };
  return isEmpty(reading) ? undefined : reading;
}

/** Asked of every answer: by name, for a list of the values costs ten times as much. */
function isEmpty(reading: QuotaReading): boolean {
  return (
    reading.remainingRequests === null &&
    reading.remainingTokens === null &&
    reading.limitRequests === null &&
    reading.limitTokens === null &&
    reading.resetRequestsMs === null &&
    reading.resetTokensMs === null
  );
}

/**
 * Organization and project from `openai-organization` and `openai-project`, else from the sentence of a 429, where its
 * body is given. The header has the organization's short name, the sentence its id: two names of the same.
 */
export function readGroup(
  answer: Pick<FailedAnswer, 'header'> & Partial<Pick<FailedAnswer, 'body'>>,
): QuotaOwner | undefined {
  const message = answer.body === undefined ? '' : messageOf(answer.body);
  const spoken = isLimitSentence(message) ? message : '';
  const said = spoken === '' ? undefined : spokenOwner(spoken);
  const organization = name(answer.header('openai-organization')) ?? said?.organization;
  const project = name(answer.header('openai-project')) ?? said?.project;
  if (organization === undefined) return project === undefined ? undefined : { project };
  return project === undefined ? { organization } : { organization, project };
}

type SpokenQuota = Partial<QuotaReading>;

/**
 * `… on tokens per min (TPM): Limit 30000, Used 29937, Requested 385.` Limits of a day are passed over: what refills in a
 * day is no reading of what refills in a minute. The wait that follows is not the reset: it is for this request alone.
 */
function readSpokenQuota(sentence: string): SpokenQuota | undefined {
  if (!isLimitSentence(sentence)) return undefined;
  const unit = /\bon (requests|tokens) per min(?:ute)?\b/u.exec(sentence)?.[1];
  const total = limit(/\bLimit:? (\d+(?:\.\d+)?)/u.exec(sentence)?.[1]);
  const used = count(/\b(?:Used|Current):? (\d+(?:\.\d+)?)/u.exec(sentence)?.[1]);
  if (unit === undefined || total === null) return undefined;
  const remaining = used === null ? null : Math.max(total - used, 0);
  return unit === 'requests'
    ? { limitRequests: total, remainingRequests: remaining }
    : { limitTokens: total, remainingTokens: remaining };
}

/** Only these sentences are OpenAI's own from end to end; others quote the request. */
function isLimitSentence(message: string): boolean {
  return /^(?:rate limit reached|request too large) for /iu.test(message);
}

/** Whether a 429 tells of a limit of the whole organization: of a project's it names the project. */
export function isLimitOfOrganization(message: string): boolean {
  if (!isLimitSentence(message)) return false;
  const { organization, project } = spokenOwner(message);
  return organization !== undefined && project === undefined;
}

function spokenOwner(sentence: string): { organization: string | undefined; project: string | undefined } {
  return {
    organization: /\borganization [`']?(org[-_]\w+)/u.exec(sentence)?.[1],
    project: /\bproject [`']?(proj_\w+)/u.exec(sentence)?.[1],
  };
}

function messageOf(body: Uint8Array): string {
  return readError(429, body).message;
}

function count(text: string | undefined): number | null {
  if (text === undefined) return null;
  const whole = wholeNumber(text);
  if (whole !== undefined) return whole;
  if (!/^\s*\d+(?:\.\d+)?\s*$/u.test(text)) return null;
  const value = Number(text);
  return value <= Number.MAX_SAFE_INTEGER ? value : null;
}

/** A limit of nothing is no limit that anybody works under: nothing could ever be sent to learn a better one. */
function limit(text: string | undefined): number | null {
  const value = count(text);
  return value === 0 ? null : value;
}

/** A Go duration or plain seconds, in ms. */
function duration(text: string | undefined): number | null {
  const value = text === undefined ? undefined : parseDuration(text);
  return value !== undefined && value <= longestWaitMs ? value : null;
}

/** The name of an organization or project. Not remembered: with a thousand of them finding it again takes longer than reading it. */
function name(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed !== undefined && /^[\w.:-]{1,128}$/u.test(trimmed) ? trimmed : undefined;
}
