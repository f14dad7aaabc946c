// How far sums are folded is asked for with each sum that is written: the last entry of an index in place of a walk through all kinds of folds.

export const name = '0012-fold-kinds-by-time';

export const statements: readonly string[] = ['CREATE INDEX usage_fold_kinds_by_time ON usage_fold_kinds (until_ms)'];
