// The data plane's table: OpenAI's endpoints that the gateway carries, one row each.
import type { Endpoint, StreamReader } from '../../core/endpoint.ts';
import { ChunkReader } from './stream-reader.ts';

function newStreamReader(): StreamReader {
  return new ChunkReader();
}

/** All of them are `POST`, find the model in the body's `model`, and report tokens in the answer's `usage`. */
export const endpoints: readonly Endpoint[] = [
  {
    id: 'chat_completions',
    path: '/v1/chat/completions',
    upstreamPath: '/chat/completions',
    canStream: true,
    newStreamReader,
  },
  { id: 'completions', path: '/v1/completions', upstreamPath: '/completions', canStream: true, newStreamReader },
  { id: 'embeddings', path: '/v1/embeddings', upstreamPath: '/embeddings', canStream: false, newStreamReader },
];
