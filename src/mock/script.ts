// The script of the fake OpenAI: who its keys are, what their limits are, how it answers, and which faults it shows when.
import { z } from 'zod';
import { isFault } from './faults/table.ts';

/** How long a streamed or whole answer is. Without any of it a chat answer echoes the last user message, one word a chunk. */
export interface AnswerLength {
  /** Content chunks of the answer; a whole answer has their joined text. */
  readonly chunks?: number;
  /** Text of each content chunk (default: one word, one token). */
  readonly chunk_text?: string;
  /** Completion tokens that the answer counts as, spread over the chunks (default: one a chunk). */
  readonly tokens?: number;
}

/** How fast an answer comes, in milliseconds. All default to 0. */
export interface AnswerPace {
  /** Wait before the answer's head, streamed or not. */
  readonly delay_ms?: number;
  /** Wait between the head of a stream and its first content. */
  readonly first_token_delay_ms?: number;
  /** Wait between content chunks of a stream. */
  readonly chunk_delay_ms?: number;
}

/** Limits a minute; they refill continuously at limit / 60 s. */
export interface RateLimits {
  /** Requests a minute (default 10,000). */
  readonly rpm?: number;
  /** Tokens a minute (default 30,000,000). */
  readonly tpm?: number;
}

/** A fault and when it shows. All conditions given must hold. */
export interface FaultRule {
  /** A name of `GET /__faults`, with or without a parameter: `503`, `reset-mid-stream@500`. */
  readonly fault: string;
  /** Leaves the first N requests that reach this rule alone. */
  readonly after?: number;
  /** Applies to N requests only, then never again. */
  readonly first?: number;
  /** The share of requests that fail, 0 to 1, chosen by a fixed pseudo-random sequence. */
  readonly share?: number;
  /** Starts this long after the script was set, in milliseconds. */
  readonly from_ms?: number;
  /** Ends this long after the script was set, in milliseconds. */
  readonly until_ms?: number;
}

/** One fault, or several rules of which the first that applies wins. */
export type FaultSetting = string | FaultRule | readonly (string | FaultRule)[];

/** One key of the fake OpenAI. */
export interface KeyScript extends RateLimits {
  readonly fault?: FaultSetting;
  /** Keys with the same organization and project share one quota (default: an organization of the key's own). */
  readonly organization?: string;
  /** Default: one project for the whole organization. */
  readonly project?: string;
  /** The only models this key may use (default: all). */
  readonly models?: readonly string[];
  /** How the journal names the key (default: `sk-…` and its last four characters). */
  readonly label?: string;
}

/** What a script says about one model. */
export interface ModelScript extends RateLimits, AnswerLength, AnswerPace {
  readonly fault?: FaultSetting;
  /** Fields that replace those of the counted usage object; its details are merged. */
  readonly usage?: Readonly<Record<string, unknown>>;
}

/** What a model costs by the books: US dollars for a million tokens. */
export interface BookedPrice {
  readonly input: number;
  /** Default: as `input`. */
  readonly cached_input?: number;
  readonly output?: number;
}

/** Calls that the books have and the journal has not: made elsewhere with a key of the same organization. */
export interface BookedCall {
  /** Epoch seconds. */
  readonly at: number;
  readonly model: string;
  /** Default 1. */
  readonly requests?: number;
  /** Of all of them together. */
  readonly input_tokens: number;
  readonly cached_tokens?: number;
  readonly output_tokens?: number;
}

/** Something that was bought besides calls. */
export interface BookedCharge {
  /** Epoch seconds. */
  readonly at: number;
  readonly line_item: string;
  readonly usd: number;
}

/** How the books at `GET /v1/organization/…` differ from the journal. */
export interface BooksScript {
  /** By requested model; before the built-in list prices. */
  readonly prices?: Readonly<Record<string, BookedPrice>>;
  /** Whether a stream that broke off is billed for what was sent (default) or for the whole answer. */
  readonly cut_streams?: 'sent' | 'whole';
  /** Models whose calls the books do not have. */
  readonly missing_models?: readonly string[];
  readonly calls?: readonly BookedCall[];
  /** Positions of the bill that are about no tokens. */
  readonly charges?: readonly BookedCharge[];
}

/** The whole script; what stands at its top holds for every key and model that says nothing else. */
export interface MockScript extends ModelScript {
  /** By the whole key. Keys that are not listed are accepted too, each with a quota of its own. */
  readonly keys?: Readonly<Record<string, KeyScript>>;
  /** By the requested model name. A name that stands here is a model, whatever it looks like. */
  readonly models?: Readonly<Record<string, ModelScript>>;
  /** Keys that get 401 `invalid_api_key`. */
  readonly bad_keys?: readonly string[];
  /** Refuse every key that `keys` does not list (default: false). */
  readonly only_listed_keys?: boolean;
  /** Whether real 429s carry `retry-after` and `retry-after-ms` (default: `header`). */
  readonly retry_after?: 'header' | 'none';
  /** OpenAI's own books of usage and costs. Any key that starts with `sk-admin-` reads them. */
  readonly books?: BooksScript;
}

const count = z.int().min(0);
const ms = z.number().min(0).max(86_400_000);
const faultName = z.string().refine(isFault, 'is not the name of a fault; GET /__faults lists them');
const faultRule: z.ZodType<FaultRule> = z.strictObject({
  fault: faultName,
  after: count.exactOptional(),
  first: count.exactOptional(),
  share: z.number().min(0).max(1).exactOptional(),
  from_ms: ms.exactOptional(),
  until_ms: ms.exactOptional(),
});
/** Told apart by hand, so that an error names the field and not "a union". */
const oneFault = z.lazy(() => faultName.or(faultRule));
const fault: z.ZodType<FaultSetting> = z.union([faultName, faultRule, z.array(oneFault)]);
const limits = { rpm: z.number().positive().exactOptional(), tpm: z.number().positive().exactOptional() };
const model = {
  ...limits,
  fault: fault.exactOptional(),
  chunks: count.exactOptional(),
  chunk_text: z.string().exactOptional(),
  tokens: count.exactOptional(),
  delay_ms: ms.exactOptional(),
  first_token_delay_ms: ms.exactOptional(),
  chunk_delay_ms: ms.exactOptional(),
  usage: z.record(z.string(), z.unknown()).exactOptional(),
};
const key = z.strictObject({
  ...limits,
  fault: fault.exactOptional(),
  organization: z.string().min(1).exactOptional(),
  project: z.string().min(1).exactOptional(),
  models: z.array(z.string()).exactOptional(),
  label: z.string().min(1).exactOptional(),
});
const usd = z.number().min(0);
const books = z.strictObject({
  prices: z
    .record(z.string(), z.strictObject({ input: usd, cached_input: usd.exactOptional(), output: usd.exactOptional() }))
    .exactOptional(),
  cut_streams: z.enum(['sent', 'whole']).exactOptional(),
  missing_models: z.array(z.string()).exactOptional(),
  calls: z
    .array(
      z.strictObject({
        at: count,
        model: z.string(),
        requests: count.exactOptional(),
        input_tokens: count,
        cached_tokens: count.exactOptional(),
        output_tokens: count.exactOptional(),
      }),
    )
    .exactOptional(),
  charges: z.array(z.strictObject({ at: count, line_item: z.string(), usd })).exactOptional(),
});
const schema: z.ZodType<MockScript> = z.strictObject({
  ...model,
  keys: z.record(z.string(), key).exactOptional(),
  models: z.record(z.string(), z.strictObject(model)).exactOptional(),
  bad_keys: z.array(z.string()).exactOptional(),
  only_listed_keys: z.boolean().exactOptional(),
  retry_after: z.enum(['header', 'none']).exactOptional(),
  books: books.exactOptional(),
});

/**
 * Reads the JSON of a script file.
 *
 * @throws {Error} with one sentence that names the field (a key's name is shortened).
 */
export function parseScript(text: string): MockScript {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`The script is not JSON: ${error instanceof Error ? error.message : String(error)}.`, {
      cause: error,
    });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`The script is not valid: ${describe(result.error.issues[0])}.`);
}

function describe(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return 'unknown reason';
  const nested = issue.code === 'invalid_union' ? deepest(issue) : undefined;
  const path = [...issue.path, ...(nested?.path ?? [])].map((part) =>
    String(part).replace(/^(sk-).*(.{4})$/s, '$1…$2'),
  );
  const where = path.length === 0 ? 'the top level' : `\`${path.join('.')}\``;
  return `${where}: ${(nested ?? issue).message}`;
}

/** The issue of the alternative that got furthest: the longest path, or one that is not about the type. */
function deepest(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue | undefined {
  const rank = (one: z.core.$ZodIssue): number => one.path.length * 2 + (one.code === 'invalid_type' ? 0 : 1);
  const found = issue.errors.flat().sort((a, b) => rank(b) - rank(a))[0];
  if (found?.code !== 'invalid_union') return found;
  const inner = deepest(found);
  return inner === undefined ? found : { ...inner, path: [...found.path, ...inner.path] };
}
