// What the rooms of the data plane share: the parts they are built of, and the request that they work on.
import type { Specimens } from '../lib/specimens.ts';
import type { BodyShare } from './admit.ts';
import type { Drainer } from './drainer.ts';
import type { ParsedRequest } from './parse.ts';
import type { Stop } from './targets.ts';
import type { ClientKey, ClientKeys } from '../core/client-key.ts';
import type { Configuration } from '../core/configuration.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type { ModelPrefix } from '../core/provider.ts';
import type { Intent, RequestRecord } from '../core/record.ts';
import type { Secret } from '../core/secret.ts';
import type { TokenEstimator } from '../core/token-estimator.ts';
import type { TokenRatios } from '../core/token-ratio.ts';
import type { Transcript } from '../core/transcript.ts';
import type { Clock } from '../lib/clock.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { Reservation } from '../limits/reservation.ts';
import type { FailureMeter } from '../lib/failure-meter.ts';
import type { Pool } from '../pool/pool.ts';
import type { RetryBudgets } from '../pool/retry-budget.ts';
import type { WaitingRooms } from '../pool/waiting-room.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Transcriber } from './transcriber.ts';

/** The settings that the data plane goes by. Durations in ms, sizes in bytes. */
export interface GatewaySettings {
  readonly ADMIN_TOKEN: Secret | undefined;
  readonly MAX_BODY_BYTES: number;
  readonly MAX_BODY_BYTES_IN_FLIGHT: number;
  readonly MAX_ATTEMPTS: number;
  readonly REQUEST_TIMEOUT_MS: number;
  readonly FIRST_BYTE_TIMEOUT_MS: number;
  readonly STREAM_IDLE_TIMEOUT_MS: number;
  /** 0: never. */
  readonly PING_AFTER_MS: number;
  readonly QUEUE_TIMEOUT_MS: number;
  readonly ON_CLIENT_DISCONNECT: 'cancel' | 'drain';
}

/** What the data plane is handed: the tables and the interfaces that it stands on. */
export interface GatewayParts {
  readonly settings: GatewaySettings;
  readonly endpoints: readonly Endpoint[];
  readonly modelPrefixes: readonly ModelPrefix[];
  readonly configuration: () => Configuration;
  readonly clientKeys: ClientKeys;
  /** Requests with a client key that opens nothing, by whom they came from. */
  readonly failedKeys: FailureMeter;
  /** The limits of client keys. */
  readonly limiter: Limiter;
  readonly pool: Pool;
  /** Where requests wait for an account. */
  readonly rooms: WaitingRooms;
  /** How many retries each provider may still be sent. */
  readonly retries: RetryBudgets;
  readonly upstream: Upstream;
  /** Counts what no upstream has counted. */
  readonly estimator: Pick<TokenEstimator, 'count'>;
  /** How long the tokens of each model's prompts are. */
  readonly ratios: TokenRatios;
  readonly clock: Clock;
  /** 0 ≤ random() < 1. */
  readonly random: () => number;
  /** While there is no client key: whether a request is welcome all the same: undefined, or the error that refuses it. */
  readonly refuseStranger: (exchange: Exchange) => GatewayError | undefined;
  /** Notes that the record's last attempt is about to begin; throws a `GatewayError` where that cannot be. */
  readonly intend: (record: RequestRecord) => Intent;
  /** Hears what a request asked and was answered, of a client key that says so; never throws. */
  readonly keepTranscript: (transcript: Transcript) => void;
  /** Hears of every request when it is over, exactly once. */
  readonly onSettled: (record: RequestRecord, error: unknown) => void;
}

/** One request on its way through the rooms. */
export interface Work {
  readonly exchange: Exchange;
  readonly record: RequestRecord;
  /** Who asks; null until they are identified, and where no client key is needed. */
  key: ClientKey | null;
  /** What is held of the key's limits; null until it is, and for a key without limits. */
  reservation: Reservation | null;
  /** Keeps what is asked and answered; null where the key does not say so. */
  transcriber: Transcriber | null;
  /** When the request's whole time is up, in ms since the epoch. */
  readonly deadlineMs: number;
  /** Attempts whose use is still being estimated: the request is settled when they are done. */
  readonly estimates: Promise<void>[];
}

/** A request that is ready to go out. */
export interface Dispatch extends Work {
  readonly endpoint: Endpoint;
  readonly request: ParsedRequest;
  /** Its targets in order. */
  readonly stops: readonly Stop[];
  readonly body: BodyShare;
  readonly drainer: Drainer;
  readonly specimens: Specimens;
}
