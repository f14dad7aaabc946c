// The subjects: one row each. A peer is one file and one row more, and a row in peers.ts for how it is installed.
import { aigateway, governed, withoutLedger } from './aigateway.ts';
import { direct } from './direct.ts';
import { litellm } from './litellm.ts';
import { nginx } from './nginx.ts';
import { passthrough } from './passthrough.ts';
import { portkey } from './portkey.ts';
import type { Subject } from './subject.ts';

/** Subject → how it is started. */
export const subjects = {
  aigateway,
  governed,
  nginx,
  portkey,
  litellm,
  direct,
  without_ledger: withoutLedger,
  passthrough,
} as const satisfies Record<string, Subject>;

export type SubjectId = keyof typeof subjects;
export const subjectIds = Object.keys(subjects) as SubjectId[];
/** Those of a complete run; the others are asked for by name. */
export const usualSubjectIds = subjectIds.filter((id) => id !== 'without_ledger' && id !== 'passthrough');
