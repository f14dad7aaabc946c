// The subjects: one row each. A peer is one file and one row more.
import { aigateway } from './aigateway.ts';
import { direct } from './direct.ts';
import type { Subject } from './subject.ts';

/** Subject → how it is started. */
export const subjects = { aigateway, direct } as const satisfies Record<string, Subject>;

export type SubjectId = keyof typeof subjects;
export const subjectIds = Object.keys(subjects) as SubjectId[];
