// Changes to a series of steps, from which most faults are put together.
import { write, type Chunk, type Step, type WriteStep } from './reply.ts';

/** True for a step that sends bytes. */
export function isWrite(step: Step): step is WriteStep {
  return 'data' in step;
}

/** The data as bytes. */
export function bytesOf(data: Chunk): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

/** The first `count` content steps and what stands before them, then `tail`; a whole body is halved instead. */
export function* afterContent(steps: Iterable<Step>, count: number, tail: readonly Step[]): Generator<Step> {
  let passed = 0;
  for (const step of steps) {
    if (isWrite(step) && step.kind === 'body') yield firstHalf(step);
    if (isWrite(step) && step.kind !== 'role' && (step.kind !== 'content' || passed >= count)) break;
    if (isWrite(step) && step.kind === 'content') passed += 1;
    yield step;
  }
  yield* tail;
}

/** The first half of a step's bytes and tokens. */
export function firstHalf(step: WriteStep): WriteStep {
  const bytes = bytesOf(step.data);
  return write(step.kind, bytes.subarray(0, Math.floor(bytes.length / 2)), Math.floor(step.tokens / 2));
}

/** The first `limit` bytes, then `tail`. */
export function* firstBytes(steps: Iterable<Step>, limit: number, tail: readonly Step[]): Generator<Step> {
  let left = limit;
  for (const step of steps) {
    if (!isWrite(step)) {
      yield step;
      continue;
    }
    const bytes = bytesOf(step.data);
    if (bytes.length > left) {
      if (left > 0) yield write(step.kind, bytes.subarray(0, left));
      break;
    }
    left -= bytes.length;
    yield step;
  }
  yield* tail;
}

/** The steps with each write changed. */
export function* mapWrites(steps: Iterable<Step>, change: (step: WriteStep) => WriteStep): Generator<Step> {
  for (const step of steps) yield isWrite(step) ? change(step) : step;
}

/** The steps without the writes of a kind. */
export function* without(steps: Iterable<Step>, kind: WriteStep['kind']): Generator<Step> {
  for (const step of steps) if (step.kind !== kind) yield step;
}

/** `extra` steps after the first `count` content steps, then the rest. */
export function* insertAfterContent(steps: Iterable<Step>, count: number, extra: readonly Step[]): Generator<Step> {
  let passed = 0;
  let isDone = false;
  for (const step of steps) {
    if (!isDone && passed >= count && isWrite(step) && step.kind !== 'role') {
      isDone = true;
      yield* extra;
    }
    if (step.kind === 'content') passed += 1;
    yield step;
  }
}

/** A pause of `firstMs` before the first content step and of `betweenMs` before each later one. */
export function* paced(steps: Iterable<Step>, firstMs: number, betweenMs: number): Generator<Step> {
  let isFirst = true;
  for (const step of steps) {
    if (step.kind === 'content') {
      const ms = isFirst ? firstMs : betweenMs;
      isFirst = false;
      if (ms > 0) yield { kind: 'pause', ms };
    }
    yield step;
  }
}

/** The bytes in pieces of at most `size`, each followed by a pause. */
export function* sliced(steps: Iterable<Step>, size: number, pauseMs: number): Generator<Step> {
  for (const step of steps) {
    if (!isWrite(step)) {
      yield step;
      continue;
    }
    const bytes = bytesOf(step.data);
    for (let start = 0; start < bytes.length; start += size) {
      const isLast = start + size >= bytes.length;
      yield write(step.kind, bytes.subarray(start, start + size), isLast ? step.tokens : 0);
      yield { kind: 'pause', ms: pauseMs };
    }
  }
}
