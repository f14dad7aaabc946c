// Every test of a whole gateway looks for the secrets it used where none may be: the log, the answers, the metrics, the data folder.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { basename } from 'node:path';
import { filesBelow, findCanaries } from './canaries.ts';

/** What is shorter is found in other words by chance. */
const shortestSecret = 20;

/** So much is collected before it is looked through. */
const collectedLimit = 128 << 10;

/** Files that are there to hold a secret, and the spool's 8 MiB of zeros. */
const masterKey = 'master.key';
const leftOut = [masterKey, 'reserve'];

/** What undici tells of a request: https://undici.nodejs.org/#/docs/api/DiagnosticsChannel. */
interface Told {
  readonly request: { readonly origin: string; readonly method: string; readonly path: string };
  readonly chunk?: Uint8Array;
  readonly response?: { readonly headers: readonly Uint8Array[] };
}

const headersChannel = 'undici:request:headers';
const bodyChannel = 'undici:request:bodyChunkReceived';

/** Watches one gateway. */
export class CanaryWatch {
  readonly #secrets = new Map<string, string>();
  readonly #found = new Set<string>();
  readonly #collected = new Map<string, string[]>();
  #collectedLength = 0;
  #origin: string | undefined;
  readonly #hear = (message: unknown): void => this.#onAnswer(message as Told);

  constructor(secrets: readonly (string | undefined)[] = []) {
    for (const secret of secrets) this.learn(secret);
  }

  /** Learns a secret: the whole text, or each of a list with commas. */
  learn(text: unknown): void {
    if (typeof text !== 'string') return;
    for (const secret of text.split(',')) {
      const name = `a secret that begins with ${secret.slice(0, 6)}`;
      if (secret.length >= shortestSecret) this.#secrets.set(secret, name);
    }
  }

  /** Learns the secrets in what is sent to the management API: credentials of accounts. */
  learnSent(body: unknown): void {
    const { auth_data: credentials } = (body ?? {}) as { auth_data?: unknown };
    for (const value of Object.values(credentials ?? {})) this.learn(value);
  }

  /** Learns the secret in what it answers, once: a client key that was just made. */
  learnAnswered(body: unknown): void {
    this.learn(((body ?? {}) as { key?: unknown }).key);
  }

  /** From now on all that comes from this gateway to clients in this process is looked through. */
  listen(origin: string): void {
    this.#origin = origin;
    subscribe(headersChannel, this.#hear);
    subscribe(bodyChannel, this.#hear);
  }

  /** Takes what must hold no secret. */
  take(where: string, text: string): void {
    const texts = this.#collected.get(where) ?? [];
    this.#collected.set(where, texts);
    texts.push(text);
    this.#collectedLength += text.length;
    if (this.#collectedLength > collectedLimit) this.#search();
  }

  /** Looks through the metrics as they are now; a gateway that is gone has none. */
  async takeMetrics(origin: string): Promise<void> {
    const answer = await fetch(`${origin}/metrics`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    this.take('the metrics', (await answer?.text().catch(() => '')) ?? '');
  }

  /** Looks through a data folder as it is now. */
  takeFolder(folder: string): void {
    const files = filesBelow(folder);
    for (const [path, bytes] of files) if (basename(path) === masterKey) this.learn(bytes.toString().trim());
    for (const [path, bytes] of files) if (!leftOut.includes(basename(path))) this.#look(path, bytes);
  }

  /** Ends the watch; throws where a secret was seen. */
  end(): void {
    unsubscribe(headersChannel, this.#hear);
    unsubscribe(bodyChannel, this.#hear);
    this.#search();
    if (this.#found.size > 0) throw new Error(`seen outside the vault: ${[...this.#found].join('; ')}`);
  }

  #onAnswer({ request, chunk, response }: Told): void {
    const { origin, method, path } = request;
    // A new client key is shown in the answer that made it, and nowhere else.
    if (origin !== this.#origin || (method === 'POST' && path.startsWith('/api/v1/keys'))) return;
    const bytes = chunk ?? Buffer.concat(response?.headers ?? []);
    this.take(`the answer to ${method} ${path.slice(0, 60)}`, Buffer.from(bytes).toString('latin1'));
  }

  #search(): void {
    for (const [where, texts] of this.#collected) this.#look(where, texts.join(''));
    this.#collected.clear();
    this.#collectedLength = 0;
  }

  #look(where: string, content: string | Buffer): void {
    const canaries = Object.fromEntries(
      [...this.#secrets].map(([secret, name]) => [`${name} (${secret.length})`, secret]),
    );
    for (const hit of findCanaries(canaries, where, content)) this.#found.add(hit);
  }
}
