// Tests of the command line's way to a gateway on a port that browsers, and `fetch` with them, do not go to.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { test } from 'node:test';
import { callManagement } from './management-client.ts';

/** From the standard of `fetch`, "bad port". */
const blockedPorts = [10080, 6665, 6666, 6667, 6668, 6669, 6697, 5060, 5061];

async function listenOnOne(server: Server): Promise<number> {
  for (const port of blockedPorts) {
    server.listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      return port;
    } catch {
      // Another program has it.
    }
  }
  return assert.fail('all of them are in use');
}

test('a gateway is reached on any port', async () => {
  const server = createServer((request, response) => {
    response.setHeader('x-aigateway-request-id', 'req_1');
    response.end(JSON.stringify({ asked: `${request.method} ${request.url}` }));
  });
  const PORT = await listenOnOne(server);
  try {
    const answer = await callManagement({ HOST: '127.0.0.1', PORT, ADMIN_TOKEN: undefined }, 'GET', '/keys');
    assert.deepEqual(answer, { asked: 'GET /api/v1/keys' });
  } finally {
    server.close();
  }
});
