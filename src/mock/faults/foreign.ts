// Faults that are not OpenAI's answers at all: a CDN's pages, empty and cut bodies, redirects, and broken connections.
import { hasSteps, stepsOf, type Reply, type Step } from '../reply.ts';
import { changing, type Fault, type FaultParameter } from './fault.ts';
import { afterContent, bytesOf, firstBytes, firstHalf, isWrite } from '../steps.ts';

const CHUNKS_BEFORE: FaultParameter = { meaning: 'content chunks before it', byDefault: 2 };
const GARBAGE = Buffer.concat([
  Buffer.from('\u0016\u0003\u0001 220 mail.example.com ESMTP ready\r\n'),
  Buffer.from([0, 255, 254, 13, 10]),
]);

/** The rows, by name. */
export const FOREIGN_FAULTS = {
  '502': { about: "502 with a CDN's HTML page.", reply: () => htmlPage(502, '502 Bad Gateway') },
  '504': { about: "504 with a CDN's HTML page.", reply: () => htmlPage(504, '504 Gateway Time-out') },
  html: { about: '200 with an HTML page.', reply: () => htmlPage(200, 'Welcome') },
  empty: {
    about: '200 with an empty body.',
    reply: changing((reply) => ({ ...reply, body: '' })),
  },
  'truncated-json': {
    about: '200 whose JSON (in a stream: the second content event) is cut in half, then a clean end.',
    reply: changing((reply) => (hasSteps(reply) ? { ...reply, body: cutInsideEvent(reply.body) } : halfBody(reply))),
  },
  'short-body': {
    about: 'The connection is closed (FIN) halfway through the promised bytes.',
    reply: changing((reply) =>
      hasSteps(reply)
        ? { ...reply, body: afterContent(reply.body, 2, [{ kind: 'hang-up' }]) }
        : {
            ...reply,
            headers: { ...reply.headers, 'content-length': String(bytesOf(reply.body as string).length) },
            body: afterContent(stepsOf(reply), 0, [{ kind: 'hang-up' }]),
          },
    ),
  },
  'not-http': {
    about: 'Bytes that are not HTTP, then the connection is closed.',
    reply: () => bare([{ kind: 'extra', data: GARBAGE, tokens: 0 }, { kind: 'hang-up' }]),
  },
  redirect: {
    about: '302 to another host.',
    reply: ({ path }) => ({
      status: 302,
      headers: { location: `https://redirected.example.com${path}`, 'content-type': 'text/html' },
      body: '',
    }),
  },
  'silence-before-headers': {
    about: 'Nothing is ever answered; the connection stays open.',
    reply: () => bare([{ kind: 'hold' }]),
  },
  'silence-after-headers': {
    about: '200 and its headers, then nothing; the connection stays open.',
    reply: changing((reply) => ({ ...reply, body: [{ kind: 'hold' }] })),
  },
  'silence-mid-stream': {
    about: 'Some content chunks (or half a body), then nothing; the connection stays open.',
    parameter: CHUNKS_BEFORE,
    reply: changing((reply, chunks) => ({ ...reply, body: afterContent(stepsOf(reply), chunks, [{ kind: 'hold' }]) })),
  },
  'close-before-headers': {
    about: 'The connection is closed (FIN) before a byte.',
    reply: () => bare([{ kind: 'hang-up' }]),
  },
  'reset-before-headers': {
    about: 'The connection is reset (RST) before a byte.',
    reply: () => bare([{ kind: 'reset' }]),
  },
  'reset-on-reuse': {
    about: 'The connection is reset before a byte if it has carried a request before; a fresh one gets a good answer.',
    reply: (scene) => (scene.isReused ? bare([{ kind: 'reset' }]) : scene.healthy()),
  },
  'reset-mid-stream': {
    about: 'The connection is reset (RST) after some bytes of the body.',
    parameter: { meaning: 'bytes before it', byDefault: 700 },
    reply: changing((reply, bytes) => ({ ...reply, body: firstBytes(stepsOf(reply), bytes, [{ kind: 'reset' }]) })),
  },
} satisfies Readonly<Record<string, Fault>>;

function htmlPage(status: number, title: string): Reply {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=UTF-8' },
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n`,
    isForeign: true,
  };
}

/** Steps without an HTTP head. */
function bare(steps: readonly Step[]): Reply {
  return { status: 0, headers: {}, body: steps, isRaw: true };
}

function halfBody(reply: Reply): Reply {
  const bytes = bytesOf(hasSteps(reply) ? '' : (reply.body as string));
  return { ...reply, body: bytes.subarray(0, Math.floor(bytes.length / 2)) };
}

function* cutInsideEvent(steps: Iterable<Step>): Generator<Step> {
  let passed = 0;
  for (const step of steps) {
    if (isWrite(step) && passed === 1) {
      yield firstHalf(step);
      return;
    }
    if (step.kind === 'content') passed += 1;
    yield step;
  }
}
