// One connection to Redis, or to all nodes of a cluster, with a second one for messages: it lives until its first error.
import { readFileSync } from 'node:fs';
import { createClient, createCluster } from '@redis/client';
import type { RedisUrl } from '../../core/redis-url.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Script } from './script.ts';

/** Longest time to connect, encryption and login included. */
const connectMs = 1000;

/** Hears of a message in a channel. */
export type MessageListener = (message: string, channel: string) => void;

/** An open connection. Calls reject where the server refuses them, and all of them once the connection is lost. */
export interface Link {
  /** Runs a script; all keys must have the same hash tag. Integers come as numbers, and nil as null. */
  run(script: Script, keys: readonly string[], values: readonly string[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<void>;
  subscribe(channel: string, listener: MessageListener): Promise<void>;
  /** Ends it at once; what is under way rejects. */
  close(): void;
}

/** What both kinds of client of the library have. */
interface Commands {
  evalSha(digest: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  eval(text: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
}

interface Messages {
  subscribe(channel: string, listener: MessageListener): Promise<unknown>;
}

interface Opened {
  readonly commands: Commands;
  readonly messages: Messages;
  connect(): Promise<unknown>;
  destroy(): void;
}

/** The server has not seen the script yet, or was started anew. */
function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

/** What all connections have in common. Nothing reconnects by itself: whoever holds the link opens another. */
function optionsOf(url: RedisUrl) {
  const { authorityFile } = url;
  const common = { connectTimeout: connectMs, reconnectStrategy: false as const };
  const authority = authorityFile === undefined ? {} : { ca: readFileSync(authorityFile) };
  return {
    RESP: 2 as const,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled' as const,
    socket: url.isEncrypted ? { ...common, ...authority, tls: true as const } : common,
  };
}

function openSingle(url: RedisUrl, onError: (error: Error) => void): Opened {
  const commands = createClient({ ...optionsOf(url), url: url.reveal() });
  const messages = commands.duplicate();
  for (const client of [commands, messages]) client.on('error', onError);
  return {
    commands,
    messages,
    connect: () => Promise.all([commands.connect(), messages.connect()]),
    destroy() {
      for (const client of [commands, messages]) if (client.isOpen) client.destroy();
    },
  };
}

function openCluster(url: RedisUrl, onError: (error: Error) => void): Opened {
  const { RESP, ...defaults } = optionsOf(url);
  const { username, password } = new URL(url.reveal());
  const credentials = {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
  const cluster = createCluster({
    RESP,
    rootNodes: [{ url: url.reveal() }],
    defaults: { ...defaults, ...credentials },
    minimizeConnections: true,
  });
  for (const event of ['error', 'node-error']) cluster.on(event, onError);
  return { commands: cluster, messages: cluster, connect: () => cluster.connect(), destroy: () => cluster.destroy() };
}

/**
 * Opens a link; rejects where that does not succeed within a second. `onLost` hears, once, of the error that ends it: the
 * library tells of the same loss in several ways.
 */
export async function openLink(url: RedisUrl, clock: Clock, onLost: (error: Error) => void): Promise<Link> {
  let isOver = false;
  const onError = (error: Error): void => {
    if (isOver) return;
    isOver = true;
    onLost(error);
  };
  const opened = url.isCluster ? openCluster(url, onError) : openSingle(url, onError);
  const { commands, messages } = opened;
  const close = (): void => {
    isOver = true;
    try {
      opened.destroy();
    } catch {
      // It was closed already.
    }
  };
  let cancelTimer = (): void => {};
  const tooLate = new Promise<never>((_, reject) => {
    // A frozen server takes connections, and says nothing.
    cancelTimer = clock.after(connectMs, () => reject(new Error(`Redis took no connection within ${connectMs} ms`)));
  });
  try {
    await Promise.race([opened.connect(), tooLate]);
  } catch (error) {
    close();
    throw error;
  } finally {
    cancelTimer();
  }
  return {
    async run(script, keys, values) {
      const options = { keys: [...keys], arguments: [...values] };
      try {
        return await commands.evalSha(script.digest, options);
      } catch (error) {
        if (!isUnknownScript(error)) throw error;
        return commands.eval(script.text, options);
      }
    },
    async publish(channel, message) {
      await commands.publish(channel, message);
    },
    async subscribe(channel, listener) {
      await messages.subscribe(channel, listener);
    },
    close,
  };
}
