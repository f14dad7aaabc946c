// A function of a text that is mostly the same as the last time: then its answer is, too.
import { ownText } from './own-text.ts';

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
