// Relay: passes a stream on event by event, byte for byte, and knows whether it is whole.
import type { StreamReader } from '../core/endpoint.ts';
import type { UsageReport } from '../core/usage.ts';
import { EventSplitter, EventTooLargeError, eventData } from '../lib/sse.ts';
import { HeldTooLongError, type CommitGate } from './commit.ts';
import { withCost } from './stream-cost.ts';

/** Largest single event of a stream. */
const eventLimitBytes = 16 << 20;

/** How a stream stands. */
export type StreamState =
  | { readonly kind: 'running' }
  /** It is over and complete. */
  | { readonly kind: 'whole' }
  /** The upstream reported an error in it. */
  | { readonly kind: 'error'; readonly error: unknown }
  /** It holds something that is no event of this endpoint. */
  | { readonly kind: 'malformed'; readonly message: string }
  /** It ended before it was complete. */
  | { readonly kind: 'cut' };

const carriageReturn = 0x0d;

const running: StreamState = { kind: 'running' };
const whole: StreamState = { kind: 'whole' };

/** What decides how a stream is passed on. */
export interface RelayParts {
  readonly reader: StreamReader;
  /** How many answers were asked for: without an end mark, fewer are not all. */
  readonly choices: number;
  /** There are no more answers than that: it was asked for with one prompt. */
  readonly isOnePrompt: boolean;
  readonly gate: CommitGate;
  /** Leave out the usage chunk: the gateway asked for it, the client did not. */
  readonly dropsUsage: boolean;
  /** Commit only when the whole stream is there. */
  readonly isBuffered: boolean;
  /** The cost of what a usage chunk reports, in USD, to be put into it; undefined where the client did not ask for that. */
  readonly costOf: ((report: UsageReport) => string | undefined) | undefined;
}

/** Passes one stream through the gate. */
export class StreamRelay {
  readonly #reader: StreamReader;
  readonly #choices: number;
  readonly #isOnePrompt: boolean;
  readonly #gate: CommitGate;
  readonly #dropsUsage: boolean;
  readonly #isBuffered: boolean;
  readonly #costOf: RelayParts['costOf'];
  readonly #splitter = new EventSplitter(eventLimitBytes);
  #state: StreamState = running;
  /** Events of the current read that stand side by side, waiting for the one write. */
  #run: Uint8Array[] = [];
  #isUsageStale = false;
  #hasContent = false;
  /** The chunk with the usage of all choices has come, which nothing but the end mark follows. */
  #hasClosingUsage = false;
  /** Content has come behind the finish reasons, which mean little then. */
  #goesOn = false;
  #commits = false;
  /** The event just left out ended with a CR: an LF that follows alone is the other half of its line end. */
  #leftOutReturn = false;
  /** The end mark has come and ended with a CR: the LF that may belong to it is still awaited. */
  #awaitsLineFeed = false;

  constructor({ reader, choices, isOnePrompt, gate, dropsUsage, isBuffered, costOf }: RelayParts) {
    this.#reader = reader;
    this.#choices = choices;
    this.#isOnePrompt = isOnePrompt;
    this.#gate = gate;
    this.#dropsUsage = dropsUsage;
    this.#isBuffered = isBuffered;
    this.#costOf = costOf;
  }

  /** What the stream has said of its use so far. */
  get report(): UsageReport {
    const { rawUsage, serviceTier } = this.#reader;
    return { rawUsage, serviceTier };
  }

  /** Content has come since the last usage. */
  get isUsageStale(): boolean {
    return this.#isUsageStale;
  }

  /** Something that the client waits for has come, whether or not it has been passed on. */
  get hasContent(): boolean {
    return this.#hasContent;
  }

  /** Nothing that the client waits for is still to come: at most the usage and the end mark. */
  get isComplete(): boolean {
    return this.isFinished && (this.#hasClosingUsage || (this.#isOnePrompt && this.#isEnough && !this.#goesOn));
  }

  /** As many answers as were asked for have begun, and each has its finish reason. */
  get #isEnough(): boolean {
    return this.isFinished && this.#reader.choiceCount >= this.#choices;
  }

  /** All that the client waits for has come, whether or not the end mark has. */
  get isFinished(): boolean {
    return this.#reader.isFinished;
  }

  /** Takes one read of the upstream, whose memory is somebody else's again afterwards. */
  push(chunk: Uint8Array): StreamState {
    try {
      this.#splitter.push(chunk, this.#onEvent, this.#passAlike);
      this.#writeRun();
    } catch (error) {
      if (!(error instanceof EventTooLargeError || error instanceof HeldTooLongError)) throw error;
      this.#state = { kind: 'malformed', message: error.message };
    }
    return this.#state;
  }

  /** The upstream has ended or failed: a finished stream is whole even without its end mark. */
  end(): StreamState {
    if (this.#state !== running) return this.#state;
    // What lacks its closing blank line is no event and may be the half of one: no client would see the finish reason in it.
    if (!this.#isEnough) return { kind: 'cut' };
    const rest = this.#splitter.flush();
    const data = rest === undefined ? undefined : eventData(rest);
    const isClosing = rest === undefined || data === undefined || this.#reader.read(data, rest).isDone;
    if (rest !== undefined && isClosing) this.#run.push(rest);
    return this.#finish();
  }

  /** Events with content and nothing else go on as they came, all that stand side by side at once. */
  readonly #passAlike = (bytes: Uint8Array, from: number): number => {
    if (this.#state !== running || this.#awaitsLineFeed) return from;
    const end = this.#reader.readAlike(bytes, from);
    if (end === from) return from;
    this.#leftOutReturn = false;
    this.#noteContent(this.#isEnough);
    this.#run.push(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
    return end;
  };

  #noteContent(isBehindAll: boolean): void {
    if (isBehindAll) this.#goesOn = true;
    this.#hasContent = true;
    this.#hasClosingUsage = false;
    this.#commits = !this.#isBuffered;
    this.#isUsageStale = true;
  }

  readonly #onEvent = (event: Uint8Array): void => {
    if (this.#state !== running) return;
    if (this.#awaitsLineFeed) {
      if (event.length === 1) this.#run.push(event);
      this.#finish();
      return;
    }
    const data = eventData(event);
    if (data === undefined) {
      if (!(this.#leftOutReturn && event.length === 1)) this.#run.push(event);
      this.#leftOutReturn = false;
      return;
    }
    this.#leftOutReturn = false;
    const wasEnough = this.#isEnough;
    const meaning = this.#reader.read(data, event);
    if (meaning.isDone) {
      if (!this.isFinished) {
        this.#state = { kind: 'cut' };
        return;
      }
      this.#run.push(event);
      if (event.at(-1) === carriageReturn) this.#awaitsLineFeed = true;
      else this.#finish();
    } else if (meaning.error !== undefined) {
      this.#state = { kind: 'error', error: meaning.error };
    } else if (meaning.isMalformed) {
      this.#state = { kind: 'malformed', message: 'an event of the stream is not the JSON it should be' };
    } else {
      if (meaning.hasContent) this.#noteContent(wasEnough);
      if (meaning.hasUsage) this.#isUsageStale = false;
      if (meaning.isUsageOnly) this.#hasClosingUsage = true;
      if (meaning.isUsageOnly && this.#dropsUsage) this.#leftOutReturn = event.at(-1) === carriageReturn;
      else this.#run.push(meaning.hasUsage ? this.#withCost(event) : event);
    }
  };

  #withCost(event: Uint8Array): Uint8Array {
    const costOf = this.#costOf;
    return costOf === undefined ? event : withCost(event, costOf(this.report));
  }

  #finish(): StreamState {
    this.#commits = true;
    this.#writeRun();
    this.#state = whole;
    return whole;
  }

  #writeRun(): void {
    const gate = this.#gate;
    if (this.#commits) gate.open();
    if (this.#run.length === 0) return;
    const run = this.#run;
    this.#run = [];
    for (let next = 0; next < run.length;) next = passNeighbours(run, next, gate);
  }
}

/** Passes the event at `at` together with those behind it that stand beside it in memory; the place of the next one. */
function passNeighbours(events: readonly Uint8Array[], at: number, gate: CommitGate): number {
  const first = events[at] as Uint8Array;
  let end = first.byteOffset + first.length;
  let next = at + 1;
  for (; next < events.length; next += 1) {
    const event = events[next] as Uint8Array;
    if (event.buffer !== first.buffer || event.byteOffset !== end) break;
    end += event.length;
  }
  gate.pass(next === at + 1 ? first : new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset));
  return next;
}

/** The last event of a stream that broke: OpenAI's SDKs throw on it. */
export function errorEvent(code: string, message: string): Buffer {
  return Buffer.from(`data: ${JSON.stringify({ error: { message, type: 'server_error', param: null, code } })}\n\n`);
}
