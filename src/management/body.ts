// Reads the body of a request: JSON only, of limited size, and a JSON object.
import type { IncomingMessage } from 'node:http';
import type { MiddlewareHandler } from 'hono';
import { GatewayError } from '../core/errors.ts';
import type { Env } from './parts.ts';

/** Largest body of a management request. */
const longestBody = 1 << 20;

/** Reads and checks the body once, and leaves it where the routes' validators look for it. */
export const readBody: MiddlewareHandler<Env> = async (context, next) => {
  const { incoming } = context.env;
  const hasBody = Number(incoming.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in incoming.headers;
  if (hasBody && context.req.method !== 'GET' && context.req.method !== 'HEAD') {
    if (!/^application\/json *(?:;|$)/iu.test(incoming.headers['content-type'] ?? '')) {
      throw new GatewayError('unsupported_media_type', 'The body must be sent with `content-type: application/json`.');
    }
    const rawBody = await readBytes(incoming);
    checkObject(rawBody);
    // Where @hono/node-server looks for a body that was read before it.
    Object.assign(incoming, { rawBody });
  }
  await next();
};

function readBytes(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const refuse = (): void => {
      incoming.off('data', take);
      reject(
        new GatewayError('request_too_large', `The body is larger than ${longestBody} bytes.`, {
          headers: ['connection', 'close'],
        }),
      );
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > longestBody) refuse();
      else chunks.push(chunk);
    };
    if (Number(incoming.headers['content-length'] ?? 0) > longestBody) {
      refuse();
      return;
    }
    incoming.on('data', take);
    incoming.once('end', () => resolve(Buffer.concat(chunks)));
    // The client has gone: nobody will read this answer.
    incoming.once('close', () => reject(new GatewayError('invalid_json', 'The body was cut short.')));
  });
}

/** Throws where the body is not UTF-8, not JSON or not an object. */
function checkObject(bytes: Buffer): void {
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
