// Reads the chunks of OpenAI's chat and completion streams from their bytes (test/fixtures/openai-wire.md section 5).
import type { EventMeaning, StreamReader } from '../../core/endpoint.ts';
import { channels, type HeardText } from '../../core/heard-text.ts';
import { nameIs, passArray, passObject, skipSpace, skipValue, spanIs } from '../../lib/json-scan.ts';
import { readValue } from '../../lib/json-value.ts';
import { utf8In } from '../../lib/bytes.ts';
import { EventMold } from './event-mold.ts';
import { hearCall, hearToolCalls } from './tool-call-text.ts';

const done = '[DONE]';
const openBrace = 0x7b;
const openBracket = 0x5b;
const quote = 0x22;
const letterN = 0x6e;
const nothing: Uint8Array = new Uint8Array();

/** Members of a delta that are not content: everything else that is not null or empty is what the client waits for. */
const framing = ['role', 'obfuscation'];

function isNull(bytes: Uint8Array, start: number): boolean {
  return bytes[start] === letterN;
}

/** Null, or "" as some servers write it. */
function isNullText(bytes: Uint8Array, start: number, end: number): boolean {
  return isNull(bytes, start) || (bytes[start] === quote && end - start === 2);
}

/** Null, "", [] and {} carry nothing. */
function isEmptyValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (isNull(bytes, start)) return true;
  const first = bytes[start];
  if (first === quote) return end - start === 2;
  return (first === openBrace || first === openBracket) && skipSpace(bytes, start + 1, end) === end - 1;
}

/** The event's name is "error": OpenAI's SDKs throw on it, whether or not its data has an `error` of its own. */
function isNamedError(event: Uint8Array): boolean {
  const { buffer, byteOffset, length } = event;
  return /(?:^|[\r\n])event: ?error[\r\n]/u.test(Buffer.from(buffer, byteOffset, length).toString('latin1'));
}

/** Follows one stream of `chat.completion.chunk` or `text_completion` objects. */
export class ChunkReader implements StreamReader {
  readonly #meaning: EventMeaning = {
    isMalformed: false,
    isDone: false,
    error: undefined,
    hasContent: false,
    isUsageOnly: false,
    hasUsage: false,
  };
  readonly #text: HeardText;
  /** Choice index → whether it has its finish reason. */
  readonly #choices = new Map<number, boolean>();
  #unfinished = 0;
  /** Of the event that is being read. */
  #bytes = nothing;
  #choiceCount = -1;
  #index = 0;
  #hasFinish = false;
  /** What the current choice said: its index may come after it. -1: nothing. */
  #heardChannel = -1;
  #heardStart = 0;
  #heardEnd = 0;
  /** Whether the current event says text and nothing else, and where. */
  #isPlain = true;
  #textStart = -1;
  #textEnd = -1;
  #paddingStart = -1;
  #paddingEnd = -1;
  readonly #mold = new EventMold();
  #hasReasoningContent = false;
  #rawUsage: string | undefined;
  #serviceTier: string | undefined;

  /** `text` gets what the model says. */
  constructor(text: HeardText) {
    this.#text = text;
  }

  get rawUsage(): string | undefined {
    return this.#rawUsage;
  }

  get serviceTier(): string | undefined {
    return this.#serviceTier;
  }

  get isFinished(): boolean {
    return this.#choices.size > 0 && this.#unfinished === 0;
  }

  get choiceCount(): number {
    return this.#choices.size;
  }

  readAlike(bytes: Uint8Array, from: number): number {
    return this.#mold.pass(bytes, from, this.#text);
  }

  read(data: Uint8Array, event: Uint8Array): EventMeaning {
    const meaning = this.#meaning;
    meaning.isMalformed = false;
    meaning.isDone = false;
    meaning.error = undefined;
    meaning.hasContent = false;
    meaning.isUsageOnly = false;
    meaning.hasUsage = false;
    if (spanIs(data, 0, Math.min(data.length, done.length), done)) {
      meaning.isDone = true;
      return meaning;
    }
    this.#bytes = data;
    this.#choiceCount = -1;
    this.#isPlain = true;
    this.#textStart = -1;
    this.#paddingStart = -1;
    const start = skipSpace(data, 0, data.length);
    const end = passObject(data, start, data.length, this.#onMember);
    meaning.isMalformed = end === -1 || skipSpace(data, end, data.length) !== data.length;
    meaning.isUsageOnly = this.#choiceCount === 0 && meaning.hasUsage;
    if (this.#choiceCount === -1 && meaning.error === undefined && !meaning.isMalformed && isNamedError(event))
      meaning.error = readValue(data, start, end);
    if (this.#isPlain && !meaning.isMalformed) this.#learn(data, event);
    // It is a part of all that was read with it, which would stay with the stream.
    this.#bytes = nothing;
    return meaning;
  }

  /** An event with one choice that says some text, and nothing else that means anything. */
  #learn(data: Uint8Array, event: Uint8Array): void {
    const hasPadding = this.#paddingStart !== -1;
    if (this.#choiceCount !== 1 || this.#textStart === -1 || (hasPadding && this.#paddingStart < this.#textEnd)) return;
    const at = data.byteOffset - event.byteOffset;
    // Data that was put together from several lines does not stand in the event as it is.
    if (data.buffer !== event.buffer || at < 0 || at + data.length > event.length) return;
    this.#mold.learn(event, {
      choice: this.#index,
      textStart: at + this.#textStart,
      textEnd: at + this.#textEnd,
      paddingStart: hasPadding ? at + this.#paddingStart : -1,
      paddingEnd: at + this.#paddingEnd,
    });
  }

  // What is read is passed at the same time: each byte is looked at once, however deep it stands.

  readonly #onMember = (nameStart: number, nameEnd: number, start: number): number => {
    const bytes = this.#bytes;
    if (nameIs(bytes, nameStart, nameEnd, 'choices')) {
      if (this.#choiceCount !== -1) this.#isPlain = false;
      this.#choiceCount = 0;
      if (bytes[start] === openBracket) return passArray(bytes, start, bytes.length, this.#onChoice);
    }
    const end = skipValue(bytes, start, bytes.length);
    if (end !== -1) this.#readMember(nameStart, nameEnd, start, end);
    return end;
  };

  #readMember(nameStart: number, nameEnd: number, start: number, end: number): void {
    const bytes = this.#bytes;
    if (nameIs(bytes, nameStart, nameEnd, 'error')) {
      this.#isPlain = false;
      if (!isNullText(bytes, start, end)) this.#meaning.error = readValue(bytes, start, end);
    } else if (nameIs(bytes, nameStart, nameEnd, 'usage')) {
      if (bytes[start] !== openBrace) return;
      this.#isPlain = false;
      this.#meaning.hasUsage = true;
      this.#rawUsage = utf8In(bytes, start, end);
    } else if (nameIs(bytes, nameStart, nameEnd, 'service_tier')) {
      // Mostly every event names the same one.
      if (bytes[start] !== quote || spanIs(bytes, start + 1, end - 1, this.#serviceTier ?? '')) return;
      const tier = readValue(bytes, start, end);
      if (typeof tier !== 'string') return;
      this.#serviceTier = tier;
      // It told another one.
      this.#mold.forget();
    } else if (nameIs(bytes, nameStart, nameEnd, 'obfuscation')) {
      if (bytes[start] !== quote || this.#paddingStart !== -1) this.#isPlain = false;
      this.#paddingStart = start + 1;
      this.#paddingEnd = end - 1;
    }
  }

  readonly #onChoice = (start: number): number => {
    const bytes = this.#bytes;
    this.#choiceCount += 1;
    this.#index = 0;
    this.#hasFinish = false;
    const end =
      bytes[start] === openBrace
        ? passObject(bytes, start, bytes.length, this.#onChoiceMember)
        : skipValue(bytes, start, bytes.length);
    if (end === -1) this.#heardChannel = -1;
    else this.#noteChoice();
    return end;
  };

  #noteChoice(): void {
    this.#keepHeard();
    const before = this.#choices.get(this.#index);
    if (before === undefined) this.#unfinished += 1;
    if (this.#hasFinish && before !== true) this.#unfinished -= 1;
    if (before === undefined || this.#hasFinish) this.#choices.set(this.#index, this.#hasFinish || before === true);
  }

  readonly #onChoiceMember = (nameStart: number, nameEnd: number, start: number): number => {
    const bytes = this.#bytes;
    if (bytes[start] === openBrace && nameIs(bytes, nameStart, nameEnd, 'delta'))
      return passObject(bytes, start, bytes.length, this.#onDeltaMember);
    const end = skipValue(bytes, start, bytes.length);
    if (end !== -1) this.#readChoiceMember(nameStart, nameEnd, start, end);
    return end;
  };

  #readChoiceMember(nameStart: number, nameEnd: number, start: number, end: number): void {
    const bytes = this.#bytes;
    if (nameIs(bytes, nameStart, nameEnd, 'finish_reason')) {
      if (isNullText(bytes, start, end)) return;
      this.#isPlain = false;
      this.#hasFinish = true;
      this.#meaning.hasContent = true;
    } else if (nameIs(bytes, nameStart, nameEnd, 'text')) {
      if (isEmptyValue(bytes, start, end)) return;
      this.#meaning.hasContent = true;
      this.#hear(channels.content, start, end);
    } else if (nameIs(bytes, nameStart, nameEnd, 'index')) {
      const index = readValue(bytes, start, end);
      if (typeof index === 'number') this.#index = index;
    }
  }

  readonly #onDeltaMember = (nameStart: number, nameEnd: number, start: number): number => {
    const end = skipValue(this.#bytes, start, this.#bytes.length);
    if (end !== -1) this.#readDeltaMember(nameStart, nameEnd, start, end);
    return end;
  };

  #readDeltaMember(nameStart: number, nameEnd: number, start: number, end: number): void {
    const bytes = this.#bytes;
    if (isEmptyValue(bytes, start, end)) return;
    if (nameIs(bytes, nameStart, nameEnd, 'content')) {
      this.#hear(channels.content, start, end);
    } else if (nameIs(bytes, nameStart, nameEnd, 'tool_calls')) {
      this.#isPlain = false;
      hearToolCalls(this.#text, this.#index, bytes, start, end);
    } else {
      if (framing.some((name) => nameIs(bytes, nameStart, nameEnd, name))) return;
      this.#isPlain = false;
      this.#hearOther(nameStart, nameEnd, start, end);
    }
    this.#meaning.hasContent = true;
  }

  #hearOther(nameStart: number, nameEnd: number, start: number, end: number): void {
    const bytes = this.#bytes;
    if (nameIs(bytes, nameStart, nameEnd, 'refusal')) {
      this.#hear(channels.refusal, start, end);
    } else if (nameIs(bytes, nameStart, nameEnd, 'reasoning_content')) {
      this.#hasReasoningContent = true;
      this.#hear(channels.reasoning, start, end);
    } else if (nameIs(bytes, nameStart, nameEnd, 'reasoning')) {
      // Some servers send the same text under both names.
      if (!this.#hasReasoningContent) this.#hear(channels.reasoning, start, end);
    } else if (nameIs(bytes, nameStart, nameEnd, 'function_call')) {
      hearCall(this.#text, this.#index, 0, bytes, start, end);
    }
  }

  #hear(channel: number, start: number, end: number): void {
    if (this.#bytes[start] !== quote) return;
    this.#keepHeard();
    this.#heardChannel = channel;
    this.#heardStart = start + 1;
    this.#heardEnd = end - 1;
    if (this.#textStart !== -1) this.#isPlain = false;
    this.#textStart = start + 1;
    this.#textEnd = end - 1;
  }

  #keepHeard(): void {
    if (this.#heardChannel === -1) return;
    this.#text.add(this.#index, this.#heardChannel, this.#bytes, this.#heardStart, this.#heardEnd);
    this.#heardChannel = -1;
  }
}
