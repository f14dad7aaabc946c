// Lists as parameters of a statement: few lengths, so that there are few statements and each is kept prepared.

/** As many as the next power of two, the last one repeated; none stay none. */
export function padded<Item>(items: readonly Item[]): readonly Item[] {
  const last = items.at(-1);
  if (last === undefined) return items;
  const length = 2 ** Math.ceil(Math.log2(items.length));
  return [...items, ...Array.from({ length: length - items.length }, () => last)];
}
