// Judges what a client saw: in a few words, against what it was to see, and how often it got the same thing twice.
import { answerText, type Sight } from './ask.ts';
import type { UpstreamCall } from './rig.ts';

/** What a client is to see. */
export type Expected =
  | { readonly sees: 'whole answer' }
  /** A real status and an error body. */
  | { readonly sees: 'error'; readonly status: number; readonly code: string | null }
  /** The beginning of a stream, then an error event, and nothing that looks like an end. */
  | { readonly sees: 'broken stream'; readonly code: string };

/** The whole answer, with nothing in it that does not belong there. */
function isWhole({ status, content, finishReasons, error, isEnded, isMalformed, roles }: Sight): boolean {
  const isClean = status === 200 && isEnded && !isMalformed && error === undefined && roles <= 1;
  return isClean && content === answerText && finishReasons.join() === 'stop';
}

/** What was seen, in a few words. */
export function describeSight(sight: Sight): string {
  const { status, content, error, isEnded, isMalformed, finishReasons, hasDone } = sight;
  if (status === undefined) return 'no answer';
  if (isWhole(sight)) return `${status}, the whole answer`;
  if (error !== undefined && content === '') return `${status} ${error.code ?? error.type}`;
  const words = content.split(' ').filter((word) => word !== '').length;
  const kind = `${status}, ${words === 0 ? 'no content' : words === 1 ? '1 word' : `${words} words`}`;
  if (error !== undefined) return `${kind}, then ${error.code ?? error.type}`;
  const pretence = finishReasons.length > 0 || hasDone ? ', and an end as if it were whole' : '';
  return `${kind}${pretence}${isMalformed ? ', malformed' : ''}${isEnded ? '' : ', cut off'}, no error`;
}

/** What is not as it is to be, a phrase each. */
export function problemsOf(expected: Expected, sight: Sight): string[] {
  const { status, error, content, finishReasons, hasDone, isEnded, isMalformed } = sight;
  const saw = `saw ${describeSight(sight)}`;
  if (expected.sees === 'whole answer') return isWhole(sight) ? [] : [`${saw} instead of the whole answer`];
  if (expected.sees === 'error') {
    const isIt = status === expected.status && error?.code === expected.code && content === '';
    return isIt && isEnded && !isMalformed ? [] : [`${saw} instead of ${expected.status} ${expected.code ?? 'error'}`];
  }
  const isBroken = status === 200 && content !== '' && answerText.startsWith(content);
  const problems = isBroken && error?.code === expected.code ? [] : [`${saw} instead of ${expected.code}`];
  if (isMalformed) problems.push('the stream is malformed');
  if (finishReasons.length > 0) problems.push(`the stream says finish_reason "${finishReasons.join()}"`);
  if (hasDone) problems.push('the stream ends with [DONE]');
  return problems;
}

/** Calls beyond the first whose answer reached the client, and openings of a stream beyond the first. */
export function duplicatesIn(sight: Sight, calls: readonly UpstreamCall[]): number {
  const committed = calls.filter((call) => sight.text.includes(generationOf(call)));
  return Math.max(committed.length - 1, 0) + Math.max(sight.roles - 1, 0);
}

/** The part of an answer's id that only the answer to this call has. */
function generationOf({ request_id: id }: UpstreamCall): string {
  return id.slice('req_'.length + 3);
}
