// Opens the listener, and says what to do where that cannot be.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Settings } from '../core/settings.ts';
import { StartError } from '../core/start-error.ts';

/** Listen errors that a person can mend → what to do. */
const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program; stop it or set another AIGATEWAY_PORT',
  EACCES: 'may not be used by this user; set an AIGATEWAY_PORT above 1023',
  EADDRNOTAVAIL: 'is not an address of this machine; check AIGATEWAY_HOST',
  ENOTFOUND: 'is not a known host name; check AIGATEWAY_HOST',
};

/** Listens, and resolves with the URL; rejects with a `StartError` where the address cannot be used. */
export function listen(server: Server, { HOST, PORT }: Pick<Settings, 'HOST' | 'PORT'>): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const problem = listenProblems[error.code ?? ''] ?? `cannot be used (${error.code})`;
      reject(new StartError(`${urlHost(HOST)}:${PORT} ${problem}`));
    });
    server.listen(PORT, HOST.replace(/^\[|\]$/gu, ''), () =>
      resolve(`http://${urlHost(HOST)}:${(server.address() as AddressInfo).port}`),
    );
  });
}

/** An IPv6 address stands in brackets in a URL. */
function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
