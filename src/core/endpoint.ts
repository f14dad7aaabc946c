// An endpoint of the data plane: a row of a table, with the rules for reading its answers.
import type { HeardText } from './heard-text.ts';
import type { UsageReport } from './usage.ts';

/** What one event of a stream means to the gateway. */
export interface EventMeaning {
  /** Not JSON, or not of the endpoint's form. */
  isMalformed: boolean;
  /** It closes the stream: `[DONE]`. */
  isDone: boolean;
  /** The `error` object that it carries, or undefined. */
  error: unknown;
  /** Carries what the client waits for: text, a tool call, a refusal, audio. */
  hasContent: boolean;
  /** It holds no choices but the usage. */
  isUsageOnly: boolean;
  hasUsage: boolean;
}

/** Reads the events of one stream in order, and knows from them whether the answer is whole. */
export interface StreamReader extends UsageReport {
  /** The meaning of one event's data; valid until the next call. `event` is all of its bytes, line ends included. */
  read(data: Uint8Array, event: Uint8Array): EventMeaning;
  /**
   * Reads whole events that stand one behind the other, the first one at `from`, as far as they have content and nothing
   * else to tell, which it knows by those before. The end of the last of them, or `from`.
   */
  readAlike(bytes: Uint8Array, from: number): number;
  /** Every choice that began has its finish reason, and at least one began. */
  readonly isFinished: boolean;
  /** How many choices began. */
  readonly choiceCount: number;
}

/** A name that a limit of the answer's tokens may have. */
export type OutputLimitName = 'max_tokens' | 'max_completion_tokens';

/** How the answers of an endpoint are limited. */
export interface EndpointOutput {
  /** Names by which a request can limit each of its choices. */
  readonly limitNames: readonly [OutputLimitName, ...OutputLimitName[]];
  /** The limit where a request sets none, in tokens; null: as much as the model can say. */
  readonly defaultTokens: number | null;
}

/** One row of the data plane's table. */
export interface Endpoint {
  readonly id: string;
  /** The path at the gateway. */
  readonly path: string;
  /** The path below the provider's base path. */
  readonly upstreamPath: string;
  /** Whether `stream: true` asks for a stream here. */
  readonly canStream: boolean;
  /** Whether one request can hold several prompts, each with `n` answers of its own. */
  readonly takesPrompts: boolean;
  /** Null where answers use no tokens. */
  readonly output: EndpointOutput | null;
  /** `text` is where the reader puts what the model said, so that it can be counted if the upstream does not. */
  newStreamReader(text: HeardText): StreamReader;
}
