// Faults of pace and packing: everything arrives in the end, but late, in crumbs or compressed.
import { constants, crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { hasSteps, stepsOf, write, type Reply, type Step } from '../reply.ts';
import { changing, type Fault } from './fault.ts';
import { bytesOf, isWrite, paced, sliced } from '../steps.ts';

const TRICKLE_BYTES = 64;
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const DEFLATE_END = Buffer.from([0x03, 0x00]);

/** The rows, by name. */
export const DELIVERING_FAULTS = {
  'slow-headers': {
    about: 'The whole answer comes late, its headers too.',
    parameter: { meaning: 'milliseconds', byDefault: 2000 },
    reply: changing((reply, ms) => ({ ...reply, delayMs: ms })),
  },
  'slow-first-token': {
    about: 'Headers and the role chunk at once, the first content late; a whole answer comes late.',
    parameter: { meaning: 'milliseconds', byDefault: 2000 },
    reply: changing((reply, ms) =>
      hasSteps(reply) ? { ...reply, body: paced(reply.body, ms, 0) } : { ...reply, delayMs: ms },
    ),
  },
  'slow-trickle': {
    about: 'A long pause before every content chunk; a whole body comes in pieces of 64 bytes.',
    parameter: { meaning: 'milliseconds of each pause', byDefault: 200 },
    reply: changing((reply, ms) => ({
      ...reply,
      body: hasSteps(reply) ? paced(reply.body, ms, ms) : sliced(stepsOf(reply), TRICKLE_BYTES, ms),
    })),
  },
  'byte-by-byte': {
    about: 'The body is sent one byte at a time.',
    reply: changing((reply) => ({ ...reply, body: sliced(stepsOf(reply), 1, 0) })),
  },
  gzip: {
    about: 'The body is compressed (content-encoding: gzip), asked for or not; a stream is flushed after each event.',
    reply: changing((reply) => ({
      ...reply,
      headers: { ...reply.headers, 'content-encoding': 'gzip' },
      body: hasSteps(reply) ? gzipped(reply.body) : gzipSync(reply.body as string),
    })),
  },
  'no-rate-limit-headers': {
    about: 'A good answer without the x-ratelimit headers.',
    reply: changing((reply) => withoutHeaders(reply, 'x-ratelimit-')),
  },
  'wrong-content-type': {
    about: 'A good answer that calls itself text/plain.',
    reply: changing((reply) => ({ ...reply, headers: { ...reply.headers, 'content-type': 'text/plain' } })),
  },
} satisfies Readonly<Record<string, Fault>>;

function withoutHeaders(reply: Reply, prefix: string): Reply {
  const kept = Object.entries(reply.headers).filter(([name]) => !name.startsWith(prefix));
  return { ...reply, headers: Object.fromEntries(kept) };
}

/** One gzip member whose deflate blocks end with each write, so that a reader can unpack every event at once. */
function* gzipped(steps: Iterable<Step>): Generator<Step> {
  let checksum = 0;
  let length = 0;
  yield write('extra', GZIP_HEAD);
  for (const step of steps) {
    if (!isWrite(step)) {
      yield step;
      continue;
    }
    const bytes = bytesOf(step.data);
    checksum = crc32(bytes, checksum);
    length += bytes.length;
    yield { ...step, data: deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) };
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(checksum, 0);
  tail.writeUInt32LE(length % 0x1_0000_0000, 4);
  yield write('extra', Buffer.concat([DEFLATE_END, tail]));
}
