// Reads the body of a request: JSON only, of limited size, and a JSON object.
import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { GatewayError } from '../core/errors.ts';
import { StoppedError } from '../core/exchange.ts';
import { errorOfIssues } from './issues.ts';
import type { Call, Env } from './parts.ts';

/** Largest body of a management request. */
const longestBody = 1 << 20;

/** Reads and checks the body once, and leaves it where the routes' validators look for it. */
export const readBody: MiddlewareHandler<Env> = async (context, next) => {
  const { call } = context.env;
  const hasBody = Number(call.header('content-length') ?? 0) > 0 || call.header('transfer-encoding') !== undefined;
  if (hasBody && call.method !== 'GET' && call.method !== 'HEAD') {
    if (!/^application\/json *(?:;|$)/iu.test(call.header('content-type') ?? '')) {
      throw new GatewayError('unsupported_media_type', 'The body must be sent with `content-type: application/json`.');
    }
    const body = await readBytes(call);
    checkObject(body);
    const { method } = call;
    context.req.raw = new Request(context.req.raw, { method, body: body as Uint8Array<ArrayBuffer> });
  }
  await next();
};

const noFields = z.strictObject({});

/** For routes that have no fields: a body with one is a misunderstanding, and is told so. */
export const takeNoFields: MiddlewareHandler<Env> = async (context, next) => {
  const text = await context.req.text();
  const { error } = noFields.safeParse(text === '' ? {} : JSON.parse(text));
  if (error !== undefined) throw errorOfIssues(error.issues, 'body');
  await next();
};

async function readBytes(call: Call): Promise<Uint8Array> {
  let size = 0;
  const add = (bytes: number): void => {
    size += bytes;
    if (size > longestBody)
      throw new GatewayError('request_too_large', `The body is larger than ${longestBody} bytes.`);
  };
  try {
    return await call.readBody({
      begin(announcedBytes = 0) {
        add(announcedBytes);
        size = 0;
      },
      add,
      end() {},
    });
  } catch (error) {
    // The client has gone: nobody will read this answer.
    if (error instanceof StoppedError) throw new GatewayError('invalid_json', 'The body was cut short.');
    throw error;
  }
}

/** Throws where the body is not UTF-8, not JSON or not an object. */
function checkObject(bytes: Uint8Array): void {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Not the parser's own message: it repeats the text, and that may hold a key.
    throw new GatewayError('invalid_json', 'The body is not valid JSON.');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new GatewayError('invalid_json', 'The body must be one JSON object.');
}
