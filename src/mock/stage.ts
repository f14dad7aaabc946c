// A script in force: its keys, its fault rules and its settings by model, ready to be asked for each request.
import { FaultRules } from './fault-rules.ts';
import { KeyRing, type Caller } from './keys.ts';
import { steeredLength } from './models.ts';
import type { FullLimits } from './quotas.ts';
import type { AnswerLength, AnswerPace, MockScript } from './script.ts';

const DEFAULT_RPM = 10_000;
const DEFAULT_TPM = 30_000_000;

/** One script, from the moment it was set. */
export class Stage {
  readonly script: MockScript;
  readonly keys: KeyRing;
  readonly faults: FaultRules;

  /** @throws {Error} when a rule names no fault of the table. */
  constructor(script: MockScript, nowMs: number) {
    this.script = script;
    this.keys = new KeyRing(script);
    this.faults = new FaultRules(script, nowMs);
  }

  /** Limits of a quota for a model: the key's, else the model's, else the script's, else generous ones. */
  limits(caller: Caller, model: string): FullLimits {
    const ofModel = this.script.models?.[model];
    return {
      requests: caller.limits.rpm ?? ofModel?.rpm ?? this.script.rpm ?? DEFAULT_RPM,
      tokens: caller.limits.tpm ?? ofModel?.tpm ?? this.script.tpm ?? DEFAULT_TPM,
    };
  }

  /** The length that the model name, the model's row or the script asks for; undefined: an echo. */
  length(model: string): AnswerLength | undefined {
    const { script } = this;
    const row = script.models?.[model];
    const steered = steeredLength(model);
    const chunkText = row?.chunk_text ?? script.chunk_text;
    const text = chunkText === undefined ? {} : { chunk_text: chunkText };
    if (steered !== undefined) return { ...text, ...steered };
    const chunks = row?.chunks ?? script.chunks;
    const tokens = row?.tokens ?? script.tokens;
    if (chunks === undefined && tokens === undefined && chunkText === undefined) return undefined;
    return { ...text, ...(chunks !== undefined && { chunks }), ...(tokens !== undefined && { tokens }) };
  }

  /** The pace of answers of a model, in milliseconds. */
  pace(model: string): Required<AnswerPace> {
    const { script } = this;
    const row = script.models?.[model];
    return {
      delay_ms: row?.delay_ms ?? script.delay_ms ?? 0,
      first_token_delay_ms: row?.first_token_delay_ms ?? script.first_token_delay_ms ?? 0,
      chunk_delay_ms: row?.chunk_delay_ms ?? script.chunk_delay_ms ?? 0,
    };
  }

  /** Changes to the usage object of a model's answers. */
  usageChanges(model: string): Readonly<Record<string, unknown>> | undefined {
    return this.script.models?.[model]?.usage ?? this.script.usage;
  }
}
