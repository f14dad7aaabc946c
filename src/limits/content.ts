// How much of a request's content is text, and how much is something whose tokens its bytes do not tell.
import { NameTable } from '../lib/name-table.ts';
import { readValue, skipSpace, walkArray, walkObject, type Span } from '../lib/json-scan.ts';

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

/** Measures the content at the span of `messages`, `prompt` or `input`, without decoding any text. */
export function measureContent(body: Uint8Array, span: Span | undefined): Content {
  const content = {
    textBytes: body.length,
    messages: 0,
    images: 0,
    audioBytes: 0,
    refersElsewhere: false,
    prompts: 1,
  };
  if (span === undefined || body[span.start] !== openBracket) return content;
  let texts = 0;
  walkArray(body, span.start, span.end, (start, end) => {
    const first = body[start];
    if (first === openBrace) measureMessage(body, { start, end }, content);
    else if (first === quote || first === openBracket) texts += 1;
  });
  // A list of numbers is one prompt; a list of texts, or of such lists, is one for each.
  content.prompts = Math.max(texts, 1);
  return content;
}

type Draft = { -readonly [Key in keyof Content]: Content[Key] };

function measureMessage(body: Uint8Array, message: Span, content: Draft): void {
  content.messages += 1;
  walkObject(body, message.start, message.end, (nameStart, nameEnd, start, end) => {
    const name = messageNames.find(body, nameStart, nameEnd);
    if (name === 'content' && body[start] === openBracket) {
      walkArray(body, start, end, (partStart, partEnd) =>
        measurePart(body, { start: partStart, end: partEnd }, content),
      );
    } else if (name === 'audio' && body[start] !== letterN) {
      content.refersElsewhere = true;
    }
  });
}

function measurePart(body: Uint8Array, part: Span, content: Draft): void {
  let type: unknown;
  walkObject(body, skipSpace(body, part.start, part.end), part.end, (nameStart, nameEnd, start, end) => {
    if (partNames.find(body, nameStart, nameEnd) === 'type') type = readValue(body, start, end);
  });
  if (type === 'text' || type === 'refusal') return;
  const bytes = part.end - part.start;
  content.textBytes -= bytes;
  if (type === 'image_url') content.images += 1;
  else if (type === 'input_audio') content.audioBytes += bytes;
  else content.refersElsewhere = true;
}
