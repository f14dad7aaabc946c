// Writes the head of a request.
import { bytesIn } from '../../lib/bytes.ts';
import { FieldWriter } from '../../lib/http1/field-writer.ts';
import { remembering } from '../../lib/remembering.ts';
import { TransportError, type UpstreamRequest } from '../upstream.ts';

const target = /^\/[\x21-\x7e]*$/u;
const isTarget = remembering((path) => target.test(path));
/** Headers that this client sets itself. */
const own = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'expect']);

/** Writes heads of requests. */
export function requestWriter(): FieldWriter {
  return new FieldWriter(own, (name) => refusal(`the header ${JSON.stringify(name)}`));
}

/** The head's bytes as latin1 text. Throws where a part of it can never be sent. */
export function writeHead({ method, path, headers, body }: UpstreamRequest, host: string, writer: FieldWriter): string {
  if (!isTarget(path)) throw refusal('the path of the request');
  const length = body === null ? '' : `content-length: ${bytesIn(body)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${writer.write(headers)}${length}\r\n`;
}

function refusal(what: string): TransportError {
  return new TransportError('invalid_response', `${what} holds a character that cannot be sent`);
}
