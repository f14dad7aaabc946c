// The table of faults: everything that the fake OpenAI can do wrong, by name.
import { DELIVERING_FAULTS } from './delivering.ts';
import type { Fault } from './fault.ts';
import { FOREIGN_FAULTS } from './foreign.ts';
import { REFUSING_FAULTS } from './refusing.ts';
import { STREAMING_FAULTS } from './streaming.ts';
import { USAGE_FAULTS } from './usage.ts';

/** Every fault by its name. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  ...REFUSING_FAULTS,
  ...FOREIGN_FAULTS,
  ...STREAMING_FAULTS,
  ...DELIVERING_FAULTS,
  ...USAGE_FAULTS,
};

/** A fault as a script or a model names it: `reset-mid-stream@500`. */
export interface NamedFault {
  readonly name: string;
  readonly fault: Fault;
  readonly parameter: number;
}

const WITH_PARAMETER = /^(.+)@(\d{1,12})$/;

/** The fault of that name, with its parameter or the default one; undefined where there is none. */
export function faultNamed(text: string): NamedFault | undefined {
  const match = WITH_PARAMETER.exec(text);
  const name = match?.[1] ?? text;
  const fault = Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
  if (fault === undefined || (match !== null && fault.parameter === undefined)) return undefined;
  return { name: text, fault, parameter: match === null ? (fault.parameter?.byDefault ?? 0) : Number(match[2]) };
}

/** True for a name of the table, with or without a parameter. */
export function isFault(text: string): boolean {
  return faultNamed(text) !== undefined;
}

/** The rows of `GET /__faults`. */
export function listFaults(): readonly unknown[] {
  return Object.entries(FAULTS).map(([name, { about, parameter }]) => ({ name, about, parameter: parameter ?? null }));
}
