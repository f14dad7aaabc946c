// Nothing to do here: so few rows are read as quickly without an index.

export const name = '0012-fold-kinds-by-time';

export const statements: readonly string[] = [];
