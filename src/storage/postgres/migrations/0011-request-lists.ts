// Nothing to do here: PostgreSQL keeps its pages in memory and its indexes up to date; what SQLite has in place of one is its own.

export const name = '0011-request-lists';

export const statements: readonly string[] = [];
