// Why a row cannot be used: the end of a sentence that begins with the row.

/** A row that is left out of the configuration, and what is wrong with it. */
export class RowProblem extends Error {
  override readonly name = 'RowProblem';
}
