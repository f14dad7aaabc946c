// `POST /v1/completions`: legacy text completions, whole and streamed.
import { choiceCount, event, interleave, isStream, stopTexts, SYSTEM_FINGERPRINT, type Call } from './call.ts';
import { sizedGeneration, textGeneration, wholeText, type Generation, type Piece } from './generation.ts';
import { numberOf, objectOf, type JsonObject } from './json.ts';
import { legacyLogprobs } from './logprobs.ts';
import { answeredModel } from './models.ts';
import { DONE, jsonReply, streamReply, type Reply, type Step } from './reply.ts';
import { readPrompts, splitWords } from './tokens.ts';
import { completionUsage, statedTokens } from './usage.ts';

/** OpenAI's own default of `max_tokens` at this endpoint. */
const DEFAULT_MAX_TOKENS = 16;

interface Choice {
  readonly index: number;
  readonly generation: Generation;
  /** The prompt's own pieces, where `echo: true` asks for them. */
  readonly echoed: readonly string[];
}

/** Answers one legacy completion: `n` choices for each prompt, numbered through. */
export function answerCompletion(call: Call): Reply {
  const { body } = call;
  const prompts = readPrompts(body['prompt'] ?? '<|endoftext|>');
  const count = choiceCount(body);
  const stop = stopTexts(body);
  const choices = prompts.flatMap((prompt, place) => {
    const bounds = { maxTokens: numberOf(body['max_tokens']) ?? (call.length ? Infinity : DEFAULT_MAX_TOKENS), stop };
    const generation = call.length
      ? sizedGeneration(call.length, bounds)
      : textGeneration(` Echo: ${prompt.text}`, bounds);
    const echoed = body['echo'] === true ? splitWords(prompt.text) : [];
    return Array.from({ length: count }, (_, copy): Choice => ({ index: place * count + copy, generation, echoed }));
  });
  const prompt = prompts.reduce((sum, one) => sum + one.tokens, 0);
  const completion = choices.reduce((sum, choice) => sum + choice.generation.tokens, 0);
  const usage = completionUsage({ prompt, completion }, call.usageChanges);
  const tokens = statedTokens(usage);
  return isStream(body)
    ? streamReply(completionSteps(call, choices, usage), tokens)
    : jsonReply(wholeCompletion(call, choices, usage), tokens);
}

function wholeCompletion(call: Call, choices: readonly Choice[], usage: JsonObject): unknown {
  return {
    ...head(call),
    choices: choices.map(({ index, generation, echoed }) => ({
      text: echoed.join('') + wholeText(generation),
      index,
      logprobs: logprobsOf(call, piecesOf({ index, generation, echoed }), 0),
      finish_reason: generation.finish,
    })),
    usage: call.showUsage(usage),
    system_fingerprint: SYSTEM_FINGERPRINT,
  };
}

function* completionSteps(call: Call, choices: readonly Choice[], usage: JsonObject): Generator<Step> {
  const includeUsage = objectOf(call.body['stream_options'])['include_usage'] === true;
  const common = JSON.stringify({ ...head(call), system_fingerprint: SYSTEM_FINGERPRINT }).slice(0, -1);
  const chunk = (index: number, text: string, logprobs: string, finish: string): string =>
    `${common},"choices":[{"text":${JSON.stringify(text)},"index":${index},"logprobs":${logprobs},"finish_reason":${finish}}]${includeUsage ? ',"usage":null' : ''}}`;

  const one = function* (choice: Choice): Generator<Step> {
    let offset = 0;
    for (const piece of piecesOf(choice)) {
      const logprobs = JSON.stringify(logprobsOf(call, [piece], offset));
      offset += piece.text.length;
      yield event('content', chunk(choice.index, piece.text, logprobs, 'null'), piece.tokens);
    }
    yield event('finish', chunk(choice.index, '', 'null', JSON.stringify(choice.generation.finish)));
  };
  yield* interleave(choices.map(one));

  const shown = includeUsage ? call.showUsage(usage) : undefined;
  if (shown !== undefined) yield event('usage', `${common},"choices":[],"usage":${JSON.stringify(shown)}}`);
  yield DONE;
}

function head(call: Call): JsonObject {
  return {
    id: `cmpl-${call.id}`,
    object: 'text_completion',
    created: call.createdSeconds,
    model: answeredModel(call.model),
  };
}

function* piecesOf({ generation, echoed }: Choice): Generator<Piece> {
  for (const text of echoed) yield { text, tokens: 0 };
  yield* generation.pieces();
}

/** Null unless the request has `logprobs`, which is a number at this endpoint. */
function logprobsOf(call: Call, pieces: Iterable<Piece>, offset: number): unknown {
  const top = numberOf(call.body['logprobs']);
  return top === undefined ? null : legacyLogprobs(pieces, top, offset);
}
