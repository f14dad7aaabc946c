// Undoes a compression that the upstream chose although nobody asked for it.
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

/** Content coding (RFC 9110, section 8.4.1) → what undoes it. */
const decoders: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
  ['zstd', createZstdDecompress],
]);

interface DecodedListener {
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  onError(error: Error): void;
}

/** Takes compressed bytes in, with backpressure towards where they come from. */
export interface AnswerDecoder {
  write(chunk: Uint8Array): void;
  end(): void;
  pause(): void;
  resume(): void;
  destroy(): void;
}

/** A decoder for the coding named in `content-encoding`; undefined where there is nothing to undo. Several of them are left to the client. */
export function decodeAnswer(
  encoding: string | undefined | null,
  source: { pause(): void; resume(): void },
  listener: DecodedListener,
): AnswerDecoder | undefined {
  const create = typeof encoding === 'string' ? decoders.get(encoding.trim().toLowerCase()) : undefined;
  if (create === undefined) return undefined;
  const stream = create();
  stream.on('data', (chunk: Buffer) => listener.onData(chunk));
  stream.on('end', () => listener.onEnd());
  stream.on('error', (error) => listener.onError(error));
  stream.on('drain', () => source.resume());
  return {
    write(chunk) {
      if (!stream.write(chunk)) source.pause();
    },
    end: () => void stream.end(),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    destroy: () => void stream.destroy(),
  };
}
