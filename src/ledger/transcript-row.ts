// From a request's transcript to its row: bytes become text, and what a stream said is put together.
import { channels, readSaid } from '../core/heard-text.ts';
import type { KeptAnswer, KeptBytes, Transcript } from '../core/transcript.ts';
import type { TranscriptRow } from '../storage/transcripts.ts';

/** The row of a transcript. */
export function transcriptRow({ requestId, keyId, createdAtMs, request, answer }: Transcript): TranscriptRow {
  return {
    request_id: requestId,
    key_id: keyId,
    created_at_ms: Math.floor(createdAtMs),
    request_text: storable(textOf(request)),
    is_request_cut: request.isCut,
    answer_text: answer === null ? null : storable(answerText(answer)),
    is_answer_cut: answer?.isCut === true,
  };
}

function answerText(answer: KeptAnswer): string {
  return answer.form === 'body' ? textOf(answer) : saidText(answer);
}

/** Bytes as text; half a character at a cut is left out. */
function textOf({ bytes, isCut }: KeptBytes): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: isCut });
}

/** What was said in a stream: the text alone where there is nothing else, else each part under a heading. */
function saidText({ bytes, isCut }: KeptBytes): string {
  const said = readSaid(bytes).map((part) => ({
    ...part,
    text: isCut ? part.text.replace(/\uFFFD$/u, '') : part.text,
  }));
  const [first] = said;
  if (first === undefined) return '';
  if (said.length === 1 && first.channel === channels.content) return first.text;
  return said.map(({ choice, channel, text }) => `[choice ${choice}, ${channelName(channel)}]\n${text}`).join('\n\n');
}

function channelName(channel: number): string {
  if (channel === channels.content) return 'content';
  if (channel === channels.refusal) return 'refusal';
  if (channel === channels.reasoning) return 'reasoning';
  const place = channel - channels.toolCalls;
  return `tool call ${Math.floor(place / 2)}, ${place % 2 === 0 ? 'name' : 'arguments'}`;
}

/** PostgreSQL takes neither NUL nor halves of characters. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
