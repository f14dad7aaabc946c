// `POST /v1/embeddings`: unit vectors that follow from the text alone.
import type { Call } from './call.ts';
import { numberOf } from './json.ts';
import { answeredModel } from './models.ts';
import { jsonReply, type Reply } from './reply.ts';
import { readPrompts } from './tokens.ts';
import { embeddingUsage, statedTokens } from './usage.ts';

const DIMENSIONS: Readonly<Record<string, number>> = { 'text-embedding-3-large': 3072 };
const DEFAULT_DIMENSIONS = 1536;

/** Answers one embeddings request, as numbers or as base64 of little-endian 32-bit floats. */
export function answerEmbeddings(call: Call): Reply {
  const { body, model } = call;
  const inputs = readPrompts(body['input']);
  const dimensions = numberOf(body['dimensions']) ?? DIMENSIONS[model] ?? DEFAULT_DIMENSIONS;
  const isBase64 = body['encoding_format'] === 'base64';
  const usage = embeddingUsage(
    inputs.reduce((sum, input) => sum + input.tokens, 0),
    call.usageChanges,
  );
  const data = inputs.map((input, index) => {
    const vector = vectorOf(input.text, dimensions);
    return { object: 'embedding', index, embedding: isBase64 ? toBase64(vector) : Array.from(vector) };
  });
  const answer = { object: 'list', data, model: answeredModel(model), usage: call.showUsage(usage) };
  return jsonReply(answer, statedTokens(usage));
}

/** The unit vector of a text: a pseudo-random sequence (xorshift) that the text's FNV-1a hash starts. */
export function vectorOf(text: string, dimensions: number): Float32Array {
  let state = 0x811c9dc5;
  for (const byte of Buffer.from(text)) state = Math.imul(state ^ byte, 0x01000193);
  state = state === 0 ? 1 : state;
  const vector = new Float32Array(dimensions);
  let squares = 0;
  for (let index = 0; index < dimensions; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const value = state / 0x80000000;
    vector[index] = value;
    squares += value * value;
  }
  const norm = Math.sqrt(squares);
  return vector.map((value) => value / norm);
}

/** In the byte order of the machine, which is little-endian wherever Node runs in practice. */
function toBase64(vector: Float32Array): string {
  return Buffer.from(vector.buffer).toString('base64');
}
