// Edit: the few changes that a body may get on its way to the upstream, each a splice; all else stays byte for byte.
import type { OutputLimitName } from '../core/endpoint.ts';
import { skipSpace, type Span } from '../lib/json-scan.ts';
import type { ParsedRequest, Places } from './parse.ts';

const openBrace = 0x7b;
const letterN = 0x6e;

/** A limit for the answer's tokens. */
export interface OutputCap {
  readonly name: OutputLimitName;
  readonly tokens: number;
}

/** What is to be changed. */
export interface Edits {
  /** The model name for the upstream. */
  readonly model: string;
  /** Ask the upstream for the usage chunk, which the client did not ask for. */
  readonly addUsage: boolean;
  /** A limit for each choice, where a hard budget needs one and the client set none. */
  readonly outputCap: OutputCap | null;
}

interface Splice {
  readonly span: Span;
  readonly text: string;
}

/** The body for the upstream in pieces: the client's own bytes, in their own memory, and between them what is changed. */
export function editBody(request: ParsedRequest, edits: Edits): Uint8Array[] {
  const { body, places } = request;
  const splices: Splice[] = [];
  if (edits.model !== request.model) {
    for (const span of places.model) splices.push({ span, text: JSON.stringify(edits.model) });
  }
  if (edits.addUsage) {
    const splice = usageSplice(body, places);
    if (splice !== undefined) splices.push(splice);
  }
  if (edits.outputCap !== null) addCap(splices, request, edits.outputCap);
  if (splices.length === 0) return [body];
  const parts: Uint8Array[] = [];
  let at = 0;
  if (splices.length > 1) splices.sort((a, b) => a.span.start - b.span.start);
  for (const { span, text } of splices) {
    parts.push(body.subarray(at, span.start), Buffer.from(text));
    at = span.end;
  }
  parts.push(body.subarray(at));
  return parts;
}

function usageSplice(body: Uint8Array, places: Places): Splice | undefined {
  const { streamOptions, includeUsage, close } = places;
  if (streamOptions === undefined) {
    // A request has its model, so the object is not empty: a comma is due.
    return { span: { start: close, end: close }, text: ',"stream_options":{"include_usage":true}' };
  }
  if (includeUsage !== undefined) return { span: includeUsage, text: 'true' };
  if (body[streamOptions.start] === openBrace) {
    const inside = { start: streamOptions.start + 1, end: streamOptions.start + 1 };
    const isEmpty = skipSpace(body, inside.start, streamOptions.end) === streamOptions.end - 1;
    return { span: inside, text: `"include_usage":true${isEmpty ? '' : ','}` };
  }
  const isNull = body[streamOptions.start] === letterN;
  // Anything but an object or null is the client's mistake: the upstream tells it.
  return isNull ? { span: streamOptions, text: '{"include_usage":true}' } : undefined;
}

/**
 * Writes the cap in the place of all that stands under its name, else at the end. A server may know only this one name, or
 * read another of two that are the same: what stands under the other name becomes null, which means nothing.
 */
function addCap(splices: Splice[], { places }: ParsedRequest, { name, tokens }: OutputCap): void {
  const text = String(tokens);
  let isWritten = false;
  for (const limit of places.outputLimits) {
    const isOwn = limit.name === name;
    isWritten ||= isOwn;
    if (isOwn || !limit.isNull) splices.push({ span: limit.span, text: isOwn ? text : 'null' });
  }
  if (!isWritten) splices.push({ span: { start: places.close, end: places.close }, text: `,"${name}":${text}` });
}
