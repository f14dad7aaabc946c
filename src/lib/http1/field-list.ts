// Header fields as they are handed from reader to writer: name in lower case and value in turn, in the order of the wire.

/** The first value of a field. */
export function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

/** The value of a field that may be there once: null where it is there more often. */
export function onlyFieldOf(fields: readonly string[], name: string): string | undefined | null {
  let found: string | undefined;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue;
    if (found !== undefined) return null;
    found = fields[i + 1];
  }
  return found;
}
