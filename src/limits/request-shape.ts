// What the limits must know of a request before it goes out.
import type { Content } from './content.ts';

/** A request as its body describes it. */
export interface RequestShape {
  readonly body: Uint8Array;
  /** As the client asked for it. */
  readonly model: string;
  /** The most tokens that one choice may have; the larger of `max_tokens` and `max_completion_tokens`, null where neither is given. */
  readonly outputLimit: number | null;
  /** Answers to each prompt: the larger of `n` and `best_of`. */
  readonly choices: number;
  /** What is known of `messages`, `prompt` or `input`. */
  readonly content: Content;
  /** The `service_tier` that it asks for. */
  readonly serviceTier: string | null;
  /** It asks for sound, which costs more than text. */
  readonly mayAnswerInSound: boolean;
  /** It brings along what nobody can see in its body: what a search finds. */
  readonly searchesTheWeb: boolean;
  /** Bytes of a predicted answer: what of it is not used is billed as output. */
  readonly predictedBytes: number;
}
