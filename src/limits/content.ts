// How much of a request's content is text, and how much is something whose tokens its bytes do not tell.
import { NameTable } from '../lib/name-table.ts';
import { passArray, passObject, skipValue } from '../lib/json-scan.ts';
import { readValue } from '../lib/json-value.ts';

const openBracket = 0x5b;
const openBrace = 0x7b;
const quote = 0x22;
const letterN = 0x6e;

/** What a request's content consists of. */
export interface Content {
  /** Bytes of the body but for images, sounds and files. No token has fewer than one of them. */
  readonly textBytes: number;
  readonly messages: number;
  readonly images: number;
  /** Bytes of sounds, base64 text included. */
  readonly audioBytes: number;
  /** It refers to something that is not in the body: a file, an earlier answer in sound, a kind of part not known here. */
  readonly refersElsewhere: boolean;
  /** Prompts that are answered each for itself. */
  readonly prompts: number;
}

const messageNames = new NameTable(['content', 'audio'] as const);
const partNames = new NameTable(['type'] as const);

/** Content that is being measured. */
export type ContentDraft = { -readonly [Key in keyof Content]: Content[Key] };

/** Of a body without `messages`, `prompt` or `input`. */
export function noContent(body: Uint8Array): ContentDraft {
  return { textBytes: body.length, messages: 0, images: 0, audioBytes: 0, refersElsewhere: false, prompts: 1 };
}

/**
 * Passes the value of `messages`, `prompt` or `input` at `at`, measures it without decoding any text, and answers where
 * it ends, -1 where it is malformed. It takes the place of skipping it: a body is long, and looked through once. What is
 * found is added to what was found before: of several such members each server reads the one that it knows, or the last.
 */
export function passContent(body: Uint8Array, at: number, content: ContentDraft): number {
  const end = body.length;
  if (body[at] !== openBracket) return skipValue(body, at, end);
  let texts = 0;
  const after = passArray(body, at, end, (start) => {
    const first = body[start];
    if (first === openBrace) return passMessage(body, start, content);
    if (first === quote || first === openBracket) texts += 1;
    return skipValue(body, start, end);
  });
  // A list of numbers is one prompt; a list of texts, or of such lists, is one for each.
  content.prompts = Math.max(content.prompts, texts);
  return after;
}

function passMessage(body: Uint8Array, at: number, content: ContentDraft): number {
  content.messages += 1;
  return passObject(body, at, body.length, (nameStart, nameEnd, start) => {
    const name = messageNames.find(body, nameStart, nameEnd);
    if (name === 'content' && body[start] === openBracket) {
      return passArray(body, start, body.length, (partStart) => passPart(body, partStart, content));
    }
    if (name === 'audio' && body[start] !== letterN) content.refersElsewhere = true;
    return skipValue(body, start, body.length);
  });
}

function passPart(body: Uint8Array, at: number, content: ContentDraft): number {
  let type: unknown;
  const after =
    body[at] !== openBrace
      ? skipValue(body, at, body.length)
      : passObject(body, at, body.length, (nameStart, nameEnd, start) => {
          const end = skipValue(body, start, body.length);
          if (end !== -1 && partNames.find(body, nameStart, nameEnd) === 'type') type = readValue(body, start, end);
          return end;
        });
  if (type === 'text' || type === 'refusal') return after;
  const bytes = after - at;
  content.textBytes -= bytes;
  if (type === 'image_url') content.images += 1;
  else if (type === 'input_audio') content.audioBytes += bytes;
  else content.refersElsewhere = true;
  return after;
}
