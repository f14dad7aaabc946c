// Log probabilities in the two shapes of OpenAI: chat's, and that of legacy completions.
import type { Piece } from './generation.ts';

const LOGPROB = -0.125;

/** `choices[].logprobs` of a chat answer: each piece with `top` alternatives. */
export function chatLogprobs(pieces: Iterable<Piece>, top: number): unknown {
  const content = Array.from(pieces, ({ text }) => ({
    ...tokenLogprob(text, LOGPROB),
    top_logprobs: alternatives(text, top).map(([token, logprob]) => tokenLogprob(token, logprob)),
  }));
  return { content, refusal: null };
}

/** `choices[].logprobs` of a legacy completion; offsets count from `offset` characters. */
export function legacyLogprobs(pieces: Iterable<Piece>, top: number, offset: number = 0): unknown {
  const tokens = Array.from(pieces, ({ text }) => text);
  let position = offset;
  const offsets = tokens.map((token) => {
    const start = position;
    position += token.length;
    return start;
  });
  return {
    tokens,
    token_logprobs: tokens.map(() => LOGPROB),
    top_logprobs: top > 0 ? tokens.map((token) => Object.fromEntries(alternatives(token, top))) : null,
    text_offset: offsets,
  };
}

function tokenLogprob(token: string, logprob: number): { token: string; logprob: number; bytes: number[] } {
  return { token, logprob, bytes: [...Buffer.from(token)] };
}

/** The token itself and made-up neighbours, most likely first. */
function alternatives(token: string, top: number): readonly (readonly [string, number])[] {
  return Array.from({ length: top }, (_, index) =>
    index === 0 ? [token, LOGPROB] : [`${token}~${index}`, LOGPROB * (index + 1) * 8],
  );
}
