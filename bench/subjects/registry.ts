// The subjects: one row each. A peer is one file and one row more.
import { aigateway, withoutLedger } from './aigateway.ts';
import { direct } from './direct.ts';
import type { Subject } from './subject.ts';

/** Subject → how it is started. */
export const subjects = { aigateway, direct, without_ledger: withoutLedger } as const satisfies Record<string, Subject>;

export type SubjectId = keyof typeof subjects;
export const subjectIds = Object.keys(subjects) as SubjectId[];
/** Those of a complete run; the others are asked for by name. */
export const usualSubjectIds = subjectIds.filter((id) => id !== 'without_ledger');
