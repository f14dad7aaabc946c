// Which headers of an upstream's answers are passed on: heads are much alike, and what has not changed is not judged again.
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

/** Filters answers for clients from which the same names are hidden. */
class AnswerFilter {
  readonly #hidden: readonly string[];
  /** The headers of the last answer by their place, whosever it was. */
  readonly #judged: (Judged | undefined)[] = [];
  /**
   * By account: those that have come more than once and do not repeat its credential. Accounts as they are now: with
   * another credential an account is another object. Nothing else is kept for each: of a thousand accounts it would be out of
   * the processor's caches, and outlive many collections.
   */
  readonly #cleared = new WeakMap<Account, Judged[]>();

  constructor(hidden: readonly string[]) {
    this.#hidden = hidden;
  }

  filter(account: Account, headers: readonly string[]): FilteredHeaders {
    let cleared = this.#cleared.get(account);
    if (cleared === undefined) this.#cleared.set(account, (cleared = []));
    const shown: string[] = [];
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const place = i >> 1;
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      const known = this.#judged[place];
      const isKnown = known !== undefined && known.name === name && known.value === value;
      if (!isKnown || cleared[place] !== known) {
        // What decides on others: all are looked at together.
        if (hasSecret(value, account.credential) || namesOthers(name, value))
          return this.#filterAll(account.credential, headers);
        if (isKnown) cleared[place] = known;
      }
      const { isShown } = isKnown ? known : this.#judge(name, value, place);
      if (isShown) shown.push(name, value);
    }
    return { all: headers, shown };
  }

  #judge(name: string, value: string, place: number): Judged {
    const judged = { name, value, isShown: isForClient(name, this.#hidden) };
    if (place < mostPlaces) this.#judged[place] = isSecretField(name) ? undefined : judged;
    return judged;
  }

  #filterAll(credential: Account['credential'], headers: readonly string[]): FilteredHeaders {
    const all = withoutCredential(headers, credential);
    return { all, shown: answerHeaders(all, this.#hidden) };
  }
}

/** Whether a header says which others are for this hop alone. */
function namesOthers(name: string, value: string): boolean {
  return name === 'connection' && value !== 'keep-alive' && value !== 'close';
}

/** By the names that are hidden, of which there are few lists; another one would be forgotten with its request. */
const filters = new WeakMap<readonly string[], AnswerFilter>();

/** Filters the headers of an account's answer for a client from which the `hidden` names are hidden. */
export function filterAnswer(account: Account, hidden: readonly string[], headers: readonly string[]): FilteredHeaders {
  let filter = filters.get(hidden);
  if (filter === undefined) filters.set(hidden, (filter = new AnswerFilter(hidden)));
  return filter.filter(account, headers);
}
