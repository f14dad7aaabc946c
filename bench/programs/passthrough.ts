// A program: the least that a proxy on node:http and undici can do. The guard measures the gateway against it.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent, type Dispatcher } from 'undici';

const [upstream = '', key = ''] = process.argv.slice(2);
const agent = new Agent({ connections: 512, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
const wanted = new Set(['content-type', 'content-length']);

const server = createServer({ noDelay: true }, (request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    const options = {
      origin: upstream,
      path: request.url ?? '/',
      method: 'POST',
      headers,
      body: body ?? null,
    } as const;
    agent.dispatch(options, handlerOf(response));
  });
});

function handlerOf(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart() {},
    onResponseStart(_controller, status, headers) {
      const passed = Object.entries(headers).filter(([name]) => wanted.has(name));
      response.writeHead(status, Object.fromEntries(passed) as Record<string, string>);
    },
    onResponseData(_controller, bytes) {
      response.write(bytes);
    },
    onResponseEnd() {
      response.end();
    },
    onResponseError() {
      response.destroy();
    },
  };
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => process.exit());
