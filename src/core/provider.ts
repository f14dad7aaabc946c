// A provider: a vendor's API at an address, as it is configured.
import type { Books } from './books.ts';
import type { Failure } from './failure.ts';
import type { OutputLimitName } from './endpoint.ts';
import type { FailureRule } from './failure-rule.ts';
import type { ModelSize } from './model-size.ts';
import type { QuotaOwner, QuotaReading } from './quota.ts';
import type { Encoding } from './token-estimator.ts';

/** The value of a header, by its name in lower case. */
export type HeaderReader = (name: string) => string | undefined;

/** An answer of an upstream that was not a success, as a vendor's rules see it. */
export interface FailedAnswer {
  readonly status: number;
  readonly header: HeaderReader;
  /** The body, at most its first MiB. */
  readonly body: Uint8Array;
  readonly nowMs: number;
}

/** What is particular to a vendor: code, and stateless. */
export interface Vendor {
  readonly id: string;
  /** What its API keys begin with; empty where any text may be a key. */
  readonly keyPrefixes: readonly string[];
  /** Lays a failed answer at the right door; the first of `overrides` that fits decides instead of the vendor's rules. */
  classify(answer: FailedAnswer, overrides?: readonly FailureRule[]): Failure;
  /** What an answer's headers, and where given an error's body, say is left of the quota; undefined where they say nothing. */
  readQuota(header: HeaderReader, errorBody?: Uint8Array): QuotaReading | undefined;
  /** Whose quota an answer was counted on; undefined where it does not say. */
  readGroup(answer: Pick<FailedAnswer, 'header'> & Partial<Pick<FailedAnswer, 'body'>>): QuotaOwner | undefined;
  /** The vocabulary that a model counts its tokens with, or the likeliest. */
  encodingOf(model: string): Encoding;
  /** The same where it is certain; undefined where it is not. */
  knownEncodingOf(model: string): Encoding | undefined;
  /** The name by which it limits the tokens of a chat's answer. */
  readonly outputLimitName: OutputLimitName;
  /** How much a model can take in and say, as far as is known. */
  sizeOf(model: string): ModelSize;
  /** The vendor's own books of usage and costs, and how they are read. */
  readonly books: Books;
}

/** Settings of one provider that have a default for all: the `config` column. */
export interface ProviderConfig {
  /** What its keys begin with, instead of the vendor's own list. */
  readonly key_prefixes?: readonly string[] | undefined;
  /** What stands between `base_url` and the endpoint; `/v1` by default. */
  readonly path_prefix?: string | undefined;
  /** Whether streams are asked for their usage (`stream_options.include_usage`); true by default. */
  readonly ask_stream_usage?: boolean | undefined;
  /** Leave for addresses in private networks, which are refused otherwise. */
  readonly allow_private?: boolean | undefined;
  /** What its errors mean, where the vendor's rules have it wrong; the first that fits wins. */
  readonly failure_rules?: readonly FailureRule[] | undefined;
  /** The name by which it limits the tokens of a chat's answer, instead of the vendor's own. */
  readonly output_limit_name?: OutputLimitName | undefined;
}

/** A vendor's API at an address. */
export interface Provider {
  readonly id: string;
  readonly name: string;
  /** As configured: scheme, host and perhaps a path. */
  readonly baseUrl: string;
  /** Scheme, host and port of `baseUrl`. */
  readonly origin: string;
  /** The path that endpoints are appended to, without a closing slash: `/v1`. */
  readonly basePath: string;
  readonly authType: string;
  readonly authStrategy: string;
  readonly supportedModels: readonly string[];
  readonly isActive: boolean;
  readonly config: ProviderConfig;
  readonly vendor: Vendor;
}

/** The failure that the provider's own rules, else its vendor's, see in an answer. */
export function classifyAnswer(provider: Pick<Provider, 'config' | 'vendor'>, answer: FailedAnswer): Failure {
  return provider.vendor.classify(answer, provider.config.failure_rules);
}

/** A model name's beginning → the provider that serves it. */
export interface ModelPrefix {
  readonly prefix: string;
  readonly providerId: string;
}
