// Functions of texts that are mostly the same as before: then their answers are, too.
import { ownText } from './own-text.ts';
import { RecentMap } from './recent-map.ts';

/** `read` with its last answer remembered; it must depend on nothing but the text. What it throws is not remembered. */
export function remembering<Answer>(read: (text: string) => Answer): (text: string) => Answer {
  let last: { readonly text: string; readonly answer: Answer } | undefined;
  return (text) => {
    if (last?.text === text) return last.answer;
    // Of its own, so that what is remembered keeps nothing of the message that it came in.
    const own = ownText(text);
    const answer = read(own);
    last = { text: own, answer };
    return answer;
  };
}

/** `read` with its answers to the texts that were asked for last, `most` at most. As with `remembering`. */
export function rememberingMany<Answer>(read: (text: string) => Answer, most: number): (text: string) => Answer {
  const known = new RecentMap<string, { readonly answer: Answer }>(most);
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found.answer;
    const own = ownText(text);
    const answer = read(own);
    known.set(own, { answer });
    return answer;
  };
}
