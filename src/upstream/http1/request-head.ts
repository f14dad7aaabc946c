// Writes the head of a request.
import { bytesIn } from '../../lib/bytes.ts';
import { TransportError, type UpstreamRequest } from '../upstream.ts';

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/u;
/** What a value may hold; anything else could begin a header, or a request, of somebody else's making. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/u;
const target = /^\/[\x21-\x7e]*$/u;
/** Headers that this client sets itself. */
const own = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'expect']);

/** The head's bytes as latin1 text. Throws where a part of it can never be sent. */
export function writeHead({ method, path, headers, body }: UpstreamRequest, host: string): string {
  if (!target.test(path)) throw refusal('the path of the request');
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (own.has(name.toLowerCase())) continue;
    if (!fieldName.test(name) || !fieldValue.test(value)) throw refusal(`the header ${JSON.stringify(name)}`);
    head += `${name}: ${value}\r\n`;
  }
  if (body !== null) head += `content-length: ${bytesIn(body)}\r\n`;
  return `${head}\r\n`;
}

function refusal(what: string): TransportError {
  return new TransportError('invalid_response', `${what} holds a character that cannot be sent`);
}
