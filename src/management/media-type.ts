// Which of two forms of an answer a client would rather have.

/** Whether `Accept` prefers `text/csv` to JSON (RFC 9110, section 12.5.1); JSON where it does not care. */
export function prefersCsv(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return weightOf(accept, 'text', 'csv') > weightOf(accept, 'application', 'json');
}

/** The weight of the most specific range that fits; a type that is named weighs a little more than one that is only allowed. */
function weightOf(accept: string, type: string, subtype: string): number {
  let best = { rank: 0, weight: 0 };
  for (const range of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim());
    const rank = [`*/*`, `${type}/*`, `${type}/${subtype}`].indexOf(name) + 1;
    if (rank <= best.rank) continue;
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    best = { rank, weight: quality === undefined ? 1 : Number(quality) || 0 };
  }
  return best.weight;
}
