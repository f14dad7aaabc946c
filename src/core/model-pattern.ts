// Patterns of model names: exact, or with `*` for any run of characters; case never matters.

/** Whether `model` fits `pattern`. */
export function matchesModel(pattern: string, model: string): boolean {
  return fits(pattern.toLowerCase(), model.toLowerCase());
}

/**
 * Which pattern comes first where a model fits both, for sorting: the one that says more of the name, so an exact name comes
 * before every pattern that it fits.
 */
export function comparePatterns(a: string, b: string): number {
  const [starsOfA, starsOfB] = [a.split('*').length, b.split('*').length];
  return b.length - starsOfB - (a.length - starsOfA) || starsOfA - starsOfB;
}

function fits(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - at >= last.length && text.endsWith(last);
}
