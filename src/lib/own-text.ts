// Text as one piece in memory of its own, and texts of which V8 keeps but one.

/** V8 copies shorter pieces anyway. */
const shortestView = 13;

/**
 * A copy of a piece of a longer text, or of a text that was put together. V8 makes a view of the one and a tree of the
 * other: the view keeps all of the longer text in memory, and `JSON.stringify` takes twice as long for whatever holds
 * either of them. Worth its 0.1 µs where a text is kept, or written as JSON.
 */
export function ownText(text: string): string {
  return text.length < shortestView ? text : [text.slice(0, 1), text.slice(1)].join('');
}

/**
 * The same text as the one that V8 keeps of it, as it does of all names in a program: two such are told apart by where
 * they are, without a look at their characters. Worth it for what is kept and compared a hundred times a request.
 */
export function internedText(text: string): string {
  const [interned = text] = Object.keys({ [text]: true });
  return interned;
}
