// The thread that counts tokens: it alone loads the vocabularies, each when it is first asked for.
import { parentPort } from 'node:worker_threads';
import type { CountedKind, Encoding } from '../core/token-estimator.ts';
import { systemClock } from '../lib/clock.ts';
import { tendThreadMemory } from '../lib/thread-memory.ts';
import { countTokens, type Tokenizer } from './count.ts';

/** Something to count. */
export interface CountRequest {
  readonly n: number;
  readonly kind: CountedKind;
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

/** The count; undefined where it failed. */
export interface CountAnswer {
  readonly n: number;
  readonly tokens: number | undefined;
}

interface Vocabulary {
  countTokens(text: string, options: { readonly disallowedSpecial: Set<string> }): number;
  setMergeCacheSize(size: number): void;
}

const vocabularies: Readonly<Record<Encoding, () => Promise<Vocabulary>>> = {
  o200k_base: () => import('gpt-tokenizer/encoding/o200k_base'),
  cl100k_base: () => import('gpt-tokenizer/encoding/cl100k_base'),
};

/** Words whose tokens are remembered: the library's own 100,000 are more memory than they are worth here. */
const rememberedWords = 5000;

async function open(encoding: Encoding): Promise<Tokenizer> {
  const vocabulary = await vocabularies[encoding]();
  vocabulary.setMergeCacheSize(rememberedWords);
  // What looks like a special token is text like any other.
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => vocabulary.countTokens(text, options);
}

function start(port: NonNullable<typeof parentPort>): void {
  const opened = new Map<Encoding, Promise<Tokenizer>>();
  const tokenizerOf = (encoding: Encoding): Promise<Tokenizer> => {
    const known = opened.get(encoding) ?? open(encoding);
    opened.set(encoding, known);
    return known;
  };
  const count = async ({ kind, encoding, bytes }: CountRequest): Promise<number> =>
    countTokens(kind, bytes, await tokenizerOf(encoding));
  const answer = (n: number, tokens: number | undefined): void => port.postMessage({ n, tokens } satisfies CountAnswer);
  port.on('message', (request: CountRequest) => {
    count(request).then(
      (tokens) => answer(request.n, tokens),
      () => answer(request.n, undefined),
    );
  });
  // A vocabulary leaves half as much behind as it takes, and each count a little.
  tendThreadMemory(systemClock);
}

if (parentPort !== null) start(parentPort);
