// The spool's lines: a mark, the request's id, a tab, and the request's record as JSON.
import type { RequestRecord } from '../core/record.ts';

/** `intent`: an attempt is about to begin; `over`: the request has ended. */
export type LineMark = 'intent' | 'over';

const marks: Readonly<Record<LineMark, string>> = { intent: 'I', over: 'O' };
const tab = '\t';

/** One line, its line feed included. JSON holds no line feed of its own. */
export function encodeLine(mark: LineMark, record: RequestRecord): string {
  return `${marks[mark]}${record.id}${tab}${JSON.stringify(record)}\n`;
}

/** What stands at a line's beginning; undefined where the line is torn. Its JSON need not be read to know it. */
export function readMark(line: string): { readonly mark: LineMark; readonly id: string } | undefined {
  const end = line.indexOf(tab);
  if (end < 2) return undefined;
  const id = line.slice(1, end);
  if (line.startsWith(marks.over)) return { mark: 'over', id };
  return line.startsWith(marks.intent) ? { mark: 'intent', id } : undefined;
}

/** The record of a line; undefined where the line is torn. */
export function readRecord(line: string): RequestRecord | undefined {
  try {
    return JSON.parse(line.slice(line.indexOf(tab) + 1)) as RequestRecord;
  } catch {
    return undefined;
  }
}
