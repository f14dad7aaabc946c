// Which database the gateway uses, as a URL; a password in it is shown by no way of printing it.
import { inspect } from 'node:util';

/** `sqlite:`, `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`. */
export class DatabaseUrl {
  readonly kind: 'sqlite' | 'postgres';
  readonly #text: string;

  /** Throws a `TypeError` where the text is none of the forms. */
  constructor(text: string) {
    const scheme = /^(sqlite|postgres(?:ql)?):/u.exec(text)?.[1];
    if (scheme === undefined) throw new TypeError('the URL of a database begins with sqlite: or postgres://');
    this.kind = scheme === 'sqlite' ? 'sqlite' : 'postgres';
    if (this.kind === 'postgres' && (!text.includes('://') || !URL.canParse(text)))
      throw new TypeError('is not a URL of PostgreSQL');
    this.#text = text;
  }

  /** The file of an embedded database; empty where none is named. */
  get file(): string {
    return this.kind === 'sqlite' ? this.#text.slice('sqlite:'.length) : '';
  }

  /** The whole, with its password: for the room that opens it, and for nothing else. */
  reveal(): string {
    return this.#text;
  }

  /** Without password and parameters. */
  toString(): string {
    if (this.kind === 'sqlite') return this.#text;
    const url = new URL(this.#text);
    return `postgres://${url.username === '' ? '' : `${url.username}@`}${url.host}${url.pathname}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
