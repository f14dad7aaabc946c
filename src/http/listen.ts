// Opens the listener, and says what to do where that cannot be.
import type { AddressInfo, Server } from 'node:net';
import type { Settings } from '../core/settings.ts';
import { StartError } from '../core/start-error.ts';

/**
 * So many connections may wait until they are taken; the system may allow fewer. Beyond it clients are put off, and some
 * are cut off in the midst of a request: Node's own 511 come within the second that a thousand large bodies take.
 */
const backlog = 4096;

/** Listen errors that a person can mend → what to do. */
const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program; stop it or set another AIGATEWAY_PORT',
  EACCES: 'may not be used by this user; set an AIGATEWAY_PORT above 1023',
  EADDRNOTAVAIL: 'is not an address of this machine; check AIGATEWAY_HOST',
  ENOTFOUND: 'is not a known host name; check AIGATEWAY_HOST',
};

/**
 * Listens, and resolves with the URL; rejects with a `StartError` where the address cannot be used. `isShared`: other
 * processes of ours listen there too, and the kernel deals connections out; where it cannot, node:cluster does.
 */
export function listen(
  server: Server,
  { HOST, PORT }: Pick<Settings, 'HOST' | 'PORT'>,
  isShared = false,
): Promise<string> {
  const address = { port: PORT, host: HOST.replace(/^\[|\]$/gu, '') };
  const reusePort = isShared && process.platform === 'linux';
  return new Promise((resolve, reject) => {
    // Listened for as long as it listens: a connection that cannot be taken later must not end the process.
    server.on('error', (error: NodeJS.ErrnoException) => {
      const problem = listenProblems[error.code ?? ''] ?? `cannot be used (${error.code})`;
      reject(new StartError(`${urlHost(HOST)}:${PORT} ${problem}`));
    });
    server.listen({ ...address, reusePort, backlog }, () =>
      resolve(`http://${urlHost(HOST)}:${(server.address() as AddressInfo).port}`),
    );
  });
}

/** An IPv6 address stands in brackets in a URL. */
function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
