// Decides the answer to one request: key, fault, validity, permission, quota, and then what was asked for.
import { answerBooks, BOOKS_PATH } from './books/answer.ts';
import type { KeyOwner } from './books/billed-call.ts';
import { isStream } from './call.ts';
import { ENDPOINTS, quotaTokens, type Endpoint } from './endpoints.ts';
import { FAULT_MODEL_PREFIX } from './fault-rules.ts';
import { paced } from './steps.ts';
import { faultNamed } from './faults/table.ts';
import { edgeHeaders, openaiHeaders, rateLimitHeaders, retryAfterHeaders } from './headers.ts';
import { isObject, objectOf, textOf, type JsonObject } from './json.ts';
import type { JournalRecord } from './journal.ts';
import { bearerKey, isAdminKey, keyLabel, quotaName, type Caller } from './keys.ts';
import { listModels, showModel } from './model-list.ts';
import { isModel } from './models.ts';
import type { Quotas } from './quotas.ts';
import {
  missingScope,
  notJson,
  rateLimited,
  refuse,
  requestTooLarge,
  unknownModel,
  unknownPath,
  wrongMethod,
} from './refusals.ts';
import { hasSteps, type Reply } from './reply.ts';
import type { Stage } from './stage.ts';
import { checkBody } from './validation.ts';

/** A request that has arrived whole. */
export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly search: URLSearchParams;
  readonly authorization: string | undefined;
  readonly body: Buffer;
  /** 32 hexadecimal digits, unique to the request. */
  readonly id: string;
  readonly isReused: boolean;
  /** Epoch milliseconds on the clock of the fake OpenAI. */
  readonly atMs: number;
  /** `performance.now()` at the same moment. */
  readonly startedAt: number;
}

/** The answer, and what the journal notes beside it. */
export interface Decision {
  readonly reply: Reply;
  readonly key: string | null;
  /** Whose key it is; null where it was refused. */
  readonly owner: KeyOwner | null;
  readonly model: string | null;
  readonly isStream: boolean;
  readonly fault: string | null;
}

/** Decides one answer. Takes from the quotas and counts at the fault rules, and does nothing else. `records`: the journal so far. */
export function decide(arrival: Arrival, stage: Stage, quotas: Quotas, records: Iterable<JournalRecord>): Decision {
  const body = arrival.body.length > 0 ? readJson(arrival.body) : undefined;
  const model = textOf(objectOf(body)['model']) ?? null;
  const seen = { model, isStream: isStream(objectOf(body)) };
  const identity = stage.keys.identify(arrival.authorization);
  if ('refusal' in identity) {
    const key = bearerKey(arrival.authorization);
    const label = key === undefined ? null : keyLabel(key);
    return { ...seen, reply: dressed(identity.refusal, arrival, undefined), key: label, owner: null, fault: null };
  }
  const { caller } = identity;
  const healthy = (showUsage: (usage: JsonObject) => unknown = (usage) => usage): Reply =>
    answerHealthy({ arrival, stage, quotas, records, caller, body, showUsage });
  const named = stage.faults.pick(caller.key, model, arrival.atMs);
  const reply = named?.fault.reply(
    {
      model: model ?? 'none',
      organization: caller.organization,
      key: caller.key,
      path: arrival.path,
      isStream: seen.isStream,
      isReused: arrival.isReused,
      nowMs: arrival.atMs,
      healthy,
    },
    named.parameter,
  );
  const label = caller.label;
  const { organization, project, apiKeyId } = caller;
  const owner = { organization, project, apiKeyId };
  return {
    ...seen,
    reply: dressed(reply ?? healthy(), arrival, caller),
    key: label,
    owner,
    fault: named?.name ?? null,
  };
}

interface Question {
  readonly arrival: Arrival;
  readonly stage: Stage;
  readonly quotas: Quotas;
  readonly records: Iterable<JournalRecord>;
  readonly caller: Caller;
  /** The parsed body; undefined where there is none or it is not JSON. */
  readonly body: unknown;
  readonly showUsage: (usage: JsonObject) => unknown;
}

function answerHealthy(question: Question): Reply {
  const { arrival, caller, records, stage } = question;
  const { method, path, search, atMs } = arrival;
  if (path.startsWith(BOOKS_PATH)) {
    const { books: script = {} } = stage.script;
    return answerBooks({ method, path, search, caller, nowMs: atMs, records, script });
  }
  if (isAdminKey(caller.key)) return missingScope('model.request');
  const endpoint = Object.hasOwn(ENDPOINTS, path) ? ENDPOINTS[path] : undefined;
  if (endpoint !== undefined) return method === 'POST' ? answerCall(question, endpoint) : wrongMethod('POST');
  if (path !== '/v1/models' && !path.startsWith('/v1/models/')) return unknownPath(method, path);
  if (method !== 'GET') return wrongMethod('GET');
  const name = path.slice('/v1/models/'.length);
  const allowed = caller.models;
  return name === '' ? listModels(allowed) : showModel(decodeName(name), allowed);
}

function answerCall(question: Question, endpoint: Endpoint): Reply {
  const { arrival, stage, quotas, caller, body, showUsage } = question;
  if (!isObject(body)) return notJson();
  const refusal = checkBody(body, endpoint.required);
  if (refusal !== undefined) return refusal;
  const model = textOf(body['model']) ?? '';
  if (model.startsWith(FAULT_MODEL_PREFIX) && faultNamed(model.slice(FAULT_MODEL_PREFIX.length)) === undefined) {
    const message = `The model \`${model}\` does not exist: there is no such fault. GET /__faults lists them.`;
    return refuse(404, { message, code: 'model_not_found' });
  }
  const isKnown = isModel(model) || (stage.script.models !== undefined && Object.hasOwn(stage.script.models, model));
  if (!isKnown || caller.models?.includes(model) === false) return unknownModel(model);

  const verdict = quotas.admit(
    `${quotaName(caller)}/${model}`,
    stage.limits(caller, model),
    quotaTokens(endpoint, body),
    arrival.atMs,
  );
  const limitHeaders = rateLimitHeaders(verdict.state);
  if (!verdict.isAdmitted) {
    const facts = { model, organization: caller.organization, ...verdict };
    if (verdict.waitMs === Infinity) return requestTooLarge(facts, limitHeaders);
    const wait = stage.script.retry_after === 'none' ? {} : retryAfterHeaders(verdict.waitMs);
    return rateLimited(facts, verdict.waitMs, { ...limitHeaders, ...wait });
  }
  const reply = endpoint.answer({
    body,
    model,
    id: arrival.id.slice(3),
    createdSeconds: Math.floor(arrival.atMs / 1000),
    length: stage.length(model),
    usageChanges: stage.usageChanges(model),
    showUsage,
  });
  return atPace({ ...reply, headers: { ...reply.headers, ...limitHeaders } }, stage, model);
}

function atPace(reply: Reply, stage: Stage, model: string): Reply {
  const pace = stage.pace(model);
  const late = pace.delay_ms > 0 ? { ...reply, delayMs: pace.delay_ms } : reply;
  if (!hasSteps(late) || (pace.chunk_delay_ms === 0 && pace.first_token_delay_ms === 0)) return late;
  return { ...late, body: paced(late.body, pace.first_token_delay_ms, pace.chunk_delay_ms) };
}

/** The reply with the headers of OpenAI and of the CDN before it. */
function dressed(reply: Reply, arrival: Arrival, caller: Caller | undefined): Reply {
  if (reply.isRaw) return reply;
  const processingMs = Math.max(1, Math.round(performance.now() - arrival.startedAt));
  const own = reply.isForeign ? {} : openaiHeaders(arrival.id, processingMs, caller);
  return { ...reply, headers: { ...own, ...edgeHeaders(arrival.id), ...reply.headers } };
}

function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
