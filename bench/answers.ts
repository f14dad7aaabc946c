// What the upstream answers, built once as bytes: one row a model, known to the upstream and to who checks it.

/** The key that the upstream takes. What is added to it after a dash names an organization of its own. */
export const upstreamKey = 'sk-bench-upstream-000000000001';
/** The organization of the key as it is. */
export const organization = 'bench';

/** An answer of the upstream. */
export interface Answer {
  /** Whether the request asks for a stream. */
  readonly isStream: boolean;
  /** Chunks before the end mark; 1 for an answer in one piece. */
  readonly chunks: number;
  /** Time between two chunks, in ms; 0 sends them one right after the other. */
  readonly paceMs: number;
  /** Bytes of the body as a client gets it that did not ask for the usage. */
  readonly bodyBytes: number;
  /** What the body ends with. */
  readonly ending: string;
  /** In a stream: the first text that the model has said. */
  readonly firstText: string | undefined;
  /** What goes out, one write each: head, chunks, and the end mark. */
  readonly writes: readonly Buffer[];
  /** The usage chunk, sent before the end mark where the request asks for it. */
  readonly usage: Buffer | undefined;
}

const usageNumbers = {
  prompt_tokens: 12,
  completion_tokens: 32,
  total_tokens: 44,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
};

/** Model name → its answer. */
export const answers: Readonly<Record<string, Answer>> = {
  'gpt-bench-whole': wholeAnswer(),
  'gpt-bench-34': streamAnswer(34, 0),
  'gpt-bench-300': streamAnswer(300, 0),
  'gpt-bench-paced': streamAnswer(34, 20),
  'gpt-bench-first': streamAnswer(4, 10),
  'gpt-bench-slow': streamAnswer(34, 250),
};

/** The same bytes as an answer for another organization's key. */
export function writesFor(writes: readonly Buffer[], name: string): readonly Buffer[] {
  const [head, ...rest] = writes as [Buffer, ...Buffer[]];
  const text = head.toString('latin1').replace(`organization: ${organization}\r`, `organization: ${name}\r`);
  return [Buffer.from(text, 'latin1'), ...rest];
}

/** The headers that api.openai.com sends along, after the status line and the content type. */
function headers(): string {
  return [
    'access-control-expose-headers: X-Request-ID',
    `openai-organization: ${organization}`,
    'openai-processing-ms: 321',
    'openai-project: proj_bench',
    'openai-version: 2020-10-01',
    'x-envoy-upstream-service-time: 330',
    'x-ratelimit-limit-requests: 10000',
    'x-ratelimit-limit-tokens: 10000000',
    'x-ratelimit-remaining-requests: 9999',
    'x-ratelimit-remaining-tokens: 9999984',
    'x-ratelimit-reset-requests: 6ms',
    'x-ratelimit-reset-tokens: 0s',
    'x-request-id: req_00000000000000000000000000000000',
    'x-content-type-options: nosniff',
    'strict-transport-security: max-age=31536000; includeSubDomains; preload',
    'date: Thu, 01 Jan 2026 00:00:00 GMT',
    'server: cloudflare',
    'cf-cache-status: DYNAMIC',
    'cf-ray: 0000000000000000-AMS',
    'alt-svc: h3=":443"; ma=86400',
  ].join('\r\n');
}

function wholeAnswer(): Answer {
  const body = JSON.stringify({
    id: 'chatcmpl-bench000000000000000000000',
    object: 'chat.completion',
    created: 1_767_225_600,
    model: 'gpt-bench-whole',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'Fast enough.', refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: usageNumbers,
    service_tier: 'default',
    system_fingerprint: 'fp_bench00000',
  });
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers()}\r\n\r\n`;
  return {
    isStream: false,
    chunks: 1,
    paceMs: 0,
    bodyBytes: Buffer.byteLength(body),
    ending: body.slice(-16),
    firstText: undefined,
    writes: [Buffer.from(head + body)],
    usage: undefined,
  };
}

function streamAnswer(chunks: number, paceMs: number): Answer {
  const events = Array.from({ length: chunks }, (_, i) => {
    if (i === 0) return event([choice({ role: 'assistant', content: '', refusal: null }, null)]);
    if (i === chunks - 1) return event([choice({}, 'stop')]);
    return event([choice({ content: ` word${String(i).padStart(3, '0')}` }, null)]);
  });
  const ending = 'data: [DONE]\n\n';
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n${headers()}\r\n\r\n`;
  return {
    isStream: true,
    chunks,
    paceMs,
    bodyBytes: Buffer.byteLength(events.join('') + ending),
    ending,
    firstText: ' word001',
    writes: [Buffer.from(head), ...events.map(framed), Buffer.from(`${framed(ending).toString()}0\r\n\r\n`)],
    usage: framed(event([], usageNumbers)),
  };
}

function choice(delta: unknown, finishReason: string | null): unknown {
  return { index: 0, delta, logprobs: null, finish_reason: finishReason };
}

/** One event of a stream, a good 200 bytes long. */
function event(choices: readonly unknown[], usage?: unknown): string {
  const chunk = {
    id: 'chatcmpl-bench000000000000000000000',
    object: 'chat.completion.chunk',
    created: 1_767_225_600,
    model: 'gpt-bench',
    system_fingerprint: 'fp_bench00000',
    choices,
    ...(usage !== undefined && { usage }),
  };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

/** A text as one chunk of HTTP/1.1. */
function framed(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
