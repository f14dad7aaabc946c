// One valid request as the endpoints see it, and the frame of their streams.
import type { JsonObject } from './json.ts';
import { listOf, numberOf } from './json.ts';
import { write, type WriteKind, type WriteStep } from './reply.ts';
import type { AnswerLength } from './script.ts';

/** A valid, permitted request, ready to be answered. */
export interface Call {
  readonly body: JsonObject;
  /** The model as requested. */
  readonly model: string;
  /** The variable part of the ids in the answer. */
  readonly id: string;
  readonly createdSeconds: number;
  /** The length that the model name or the script asks for. */
  readonly length: AnswerLength | undefined;
  /** The script's changes to the usage object. */
  readonly usageChanges: JsonObject | undefined;
  /** What the answer shows for its usage object (a fault's hand); undefined leaves the field out. */
  readonly showUsage: (usage: JsonObject) => unknown;
}

/** Backend configuration id in answers. */
export const SYSTEM_FINGERPRINT = 'fp_44709d6fcb';

/** True for `stream: true`, and nothing else. */
export function isStream(body: JsonObject): boolean {
  return body['stream'] === true;
}

/** How many choices the request asks for. */
export function choiceCount(body: JsonObject): number {
  return numberOf(body['n']) ?? 1;
}

/** The texts to stop before: `stop` is one or a list. */
export function stopTexts(body: JsonObject): readonly string[] {
  const stop = body['stop'];
  return typeof stop === 'string' ? [stop] : listOf(stop).filter((text) => typeof text === 'string');
}

/** One server-sent event of a stream. */
export function event(kind: WriteKind, json: string, tokens: number = 0): WriteStep {
  return write(kind, `data: ${json}\n\n`, tokens);
}

/** Items of several iterators in turn: one of each, until all have ended. */
export function* interleave<Item>(iterables: readonly Iterable<Item>[]): Generator<Item> {
  let running = iterables.map((iterable) => iterable[Symbol.iterator]());
  while (running.length > 0) {
    const next: typeof running = [];
    for (const iterator of running) {
      const result = iterator.next();
      if (result.done === true) continue;
      yield result.value;
      next.push(iterator);
    }
    running = next;
  }
}
