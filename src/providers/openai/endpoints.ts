// The data plane's table: OpenAI's endpoints that the gateway carries, one row each.
import type { Endpoint, StreamReader } from '../../core/endpoint.ts';
import type { HeardText } from '../../core/heard-text.ts';
import { ChunkReader } from './stream-reader.ts';

function newStreamReader(text: HeardText): StreamReader {
  return new ChunkReader(text);
}

/** All of them are `POST`, find the model in the body's `model`, and report tokens in the answer's `usage`. */
export const endpoints: readonly Endpoint[] = [
  {
    id: 'chat_completions',
    path: '/v1/chat/completions',
    upstreamPath: '/chat/completions',
    canStream: true,
    takesPrompts: false,
    output: { limitNames: ['max_completion_tokens', 'max_tokens'], defaultTokens: null },
    newStreamReader,
  },
  {
    id: 'completions',
    path: '/v1/completions',
    upstreamPath: '/completions',
    canStream: true,
    takesPrompts: true,
    // openai-openapi.yml, `CreateCompletionRequest`.
    output: { limitNames: ['max_tokens'], defaultTokens: 16 },
    newStreamReader,
  },
  {
    id: 'embeddings',
    path: '/v1/embeddings',
    upstreamPath: '/embeddings',
    canStream: false,
    takesPrompts: true,
    output: null,
    newStreamReader,
  },
];
