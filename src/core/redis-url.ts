// Which Redis the gateways share, as a URL; a password in it is shown by no way of printing it.
import { inspect } from 'node:util';

const parameters = ['ca', 'cluster', 'prefix'];

/** `redis://USER:PASSWORD@HOST:6379/NUMBER` or `rediss://…` (TLS), with the parameters `cluster`, `ca` and `prefix`. */
export class RedisUrl {
  /** What all keys and channels begin with, so that several installations can share a server. */
  readonly prefix: string;
  /** The address is that of any node of a cluster; the others are found. */
  readonly isCluster: boolean;
  /** A file in PEM with the authorities to trust instead of the public ones. */
  readonly authorityFile: string | undefined;
  readonly #url: URL;

  /** Throws a `TypeError` where the text is none of the forms. */
  constructor(text: string) {
    if (!/^rediss?:\/\//u.test(text) || !URL.canParse(text)) throw new TypeError('is not a URL of Redis');
    const url = new URL(text);
    const unknown = [...url.searchParams.keys()].some((name) => !parameters.includes(name));
    const database = url.pathname.slice(1);
    const cluster = url.searchParams.get('cluster') ?? 'false';
    this.isCluster = cluster === 'true';
    this.prefix = url.searchParams.get('prefix') ?? 'aigateway';
    this.authorityFile = url.searchParams.get('ca') ?? undefined;
    if (unknown || url.hostname === '' || !/^\d*$/u.test(database) || !/^(?:true|false)$/u.test(cluster))
      throw new TypeError('has a part that is not understood');
    if (!/^[\w.:-]+$/u.test(this.prefix))
      throw new TypeError('has a prefix with other than letters, digits and . : - _');
    // A cluster has only the first.
    if (this.isCluster && Number(database) !== 0) throw new TypeError('names a database of a cluster');
    url.search = '';
    this.#url = url;
  }

  get isEncrypted(): boolean {
    return this.#url.protocol === 'rediss:';
  }

  /** The whole, with its password and without parameters: for the room that opens it, and for nothing else. */
  reveal(): string {
    return this.#url.href;
  }

  /** Without user, password and parameters. */
  toString(): string {
    return `${this.#url.protocol}//${this.#url.host}${this.#url.pathname}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
