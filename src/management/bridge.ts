// Carries a request of a client into the application behind the management API, and its answer back.
import { GatewayError } from '../core/errors.ts';
import type { Call } from './parts.ts';
import { toResponse } from './refusals.ts';

/** The application's way to answer. */
export type Application = (request: Request, env: { call: Call }) => Response | Promise<Response>;

/** Methods that a `Request` cannot be made with, for no page in a browser may use them; no route has them either. */
const unmakeable = new Set(['CONNECT', 'TRACE', 'TRACK']);

/** Has the application answer. Never rejects: what no application can understand is refused, what breaks is cut off. */
export async function carry(call: Call, application: Application): Promise<void> {
  const request = toRequest(call);
  const response =
    request === undefined
      ? toResponse(new GatewayError('invalid_request', 'The address of the request cannot be understood.'), call.id)
      : await application(request, { call });
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(name, value);
  call.answer.start(response.status, headers);
  await carryBody(response.body, call);
}

/** The request without its body: that is read by whoever wants it, when it is known that it may be sent. */
function toRequest(call: Call): Request | undefined {
  const address = URL.parse(`http://${call.header('host') ?? 'localhost'}${call.target}`);
  if (address === null) return undefined;
  const headers = new Headers();
  for (let i = 0; i + 1 < call.headers.length; i += 2)
    headers.append(call.headers[i] as string, call.headers[i + 1] as string);
  // The application would drop the body of an answer to HEAD without giving up what makes it.
  const method = call.method === 'HEAD' ? 'GET' : call.method;
  if (!unmakeable.has(method)) return new Request(address, { method, headers });
  return Object.defineProperty(new Request(address, { headers }), 'method', { value: method });
}

/** An answer in one piece goes out as one, a longer one as fast as it is taken, and as long as anybody takes it. */
async function carryBody(
  body: ReadableStream<Uint8Array> | null,
  { answer, cancellation, method }: Pick<Call, 'answer' | 'cancellation' | 'method'>,
): Promise<void> {
  if (body === null) {
    answer.end();
    return;
  }
  const reader = body.getReader();
  let { value: held } = await reader.read();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || held === undefined) break;
    if (method === 'HEAD') {
      await reader.cancel();
      return answer.end();
    }
    if (!answer.write(held)) await new Promise<void>((resume) => answer.onceWritable(resume));
    if (cancellation.isCancelled) return reader.cancel();
    held = value;
  }
  answer.end(held);
}
