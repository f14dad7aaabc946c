// Which headers of an upstream's answers are passed on: heads of one account are much alike, and what has not changed is not judged again.
import type { Account } from '../core/account.ts';
import { isSecretField } from '../lib/http1/fields.ts';
import { answerHeaders, isForClient, withoutCredential } from './headers.ts';
import { hasSecret } from '../core/redaction.ts';

/** More lines than this are judged each time. */
const mostPlaces = 64;

/** The headers of one answer. */
export interface FilteredHeaders {
  /** Without those in which the upstream repeats the account's credential; name and value in turn. */
  readonly all: readonly string[];
  /** Of these the ones that the client may see. */
  readonly shown: string[];
}

/** A header that has been judged by itself. */
interface Judged {
  readonly name: string;
  readonly value: string;
  readonly isShown: boolean;
}

/** Filters the answers of one account for clients from which the same names are hidden. */
class AnswerFilter {
  readonly #account: Account;
  readonly #hidden: readonly string[];
  readonly #judged: (Judged | undefined)[] = [];

  constructor(account: Account, hidden: readonly string[]) {
    this.#account = account;
    this.#hidden = hidden;
  }

  filter(headers: readonly string[]): FilteredHeaders {
    const shown: string[] = [];
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      const known = this.#judged[i >> 1];
      const isKnown = known !== undefined && known.name === name && known.value === value;
      const isShown = isKnown ? known.isShown : this.#judge(name, value, i >> 1);
      // One that decides on others: all are looked at together.
      if (isShown === undefined) return this.#filterAll(headers);
      if (isShown) shown.push(name, value);
    }
    return { all: headers, shown };
  }

  /** Undefined where it cannot be judged by itself. */
  #judge(name: string, value: string, place: number): boolean | undefined {
    if (hasSecret(value, this.#account.credential)) return undefined;
    if (name === 'connection' && value !== 'keep-alive' && value !== 'close') return undefined;
    const isShown = isForClient(name, this.#hidden);
    if (place < mostPlaces) this.#judged[place] = isSecretField(name) ? undefined : { name, value, isShown };
    return isShown;
  }

  #filterAll(headers: readonly string[]): FilteredHeaders {
    const all = withoutCredential(headers, this.#account.credential);
    return { all, shown: answerHeaders(all, this.#hidden) };
  }
}

/** Accounts as they are now: with another credential an account is another object. The lists of hidden names are few, and
 * another one would be forgotten with its request. */
const filters = new WeakMap<Account, WeakMap<readonly string[], AnswerFilter>>();

/** Filters the headers of an account's answer for a client from which the `hidden` names are hidden. */
export function filterAnswer(account: Account, hidden: readonly string[], headers: readonly string[]): FilteredHeaders {
  let ofAccount = filters.get(account);
  if (ofAccount === undefined) filters.set(account, (ofAccount = new WeakMap()));
  let filter = ofAccount.get(hidden);
  if (filter === undefined) ofAccount.set(hidden, (filter = new AnswerFilter(account, hidden)));
  return filter.filter(headers);
}
