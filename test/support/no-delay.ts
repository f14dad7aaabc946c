// What the operating system is told of TCP_NODELAY: no socket says whether it is set, so that the telling is listened to.
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';

/** The part of Node's own handle of a socket that is listened to. */
interface Handle {
  readonly setNoDelay: (this: Handle, isWithoutDelay: boolean) => number;
}

/** Listens to the operating system: every word that it has got when asked, whether a socket of this process sends without delay. */
export async function hearNoDelay(t: TestContext): Promise<() => readonly boolean[]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const handles = Object.getPrototypeOf((server as unknown as { _handle: Handle })._handle) as Handle;
  server.close();
  const { mock } = t.mock.method(handles, 'setNoDelay');
  return () => mock.calls.map(({ arguments: [isWithoutDelay] }) => isWithoutDelay);
}
