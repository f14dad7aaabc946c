// An operator's own word on what an upstream's error means: rules in a provider's `config`, before the vendor's own.
import { failureKinds, type FailureKind } from './failure.ts';

/** What an upstream says went wrong; a part that it leaves out is an empty text. */
export interface StatedError {
  /** The answer's status; of an error inside a success, the status that its code names, where it names one. */
  readonly status: number;
  readonly code: string;
  readonly type: string;
  readonly message: string;
}

/** If every part that is given fits, the failure is of this kind. */
export interface FailureRule {
  readonly status?: number | undefined;
  /** The whole of `error.code`. */
  readonly code?: string | undefined;
  /** The whole of `error.type`. */
  readonly type?: string | undefined;
  /** Plain text that the message contains; upper and lower case are the same. */
  readonly message?: string | undefined;
  readonly kind: FailureKind;
}

/** The kinds that an upstream's answer can have: all but those of which the client, or its time, is the cause. */
export const answerKinds: readonly FailureKind[] = (Object.keys(failureKinds) as FailureKind[]).filter(
  (kind) => failureKinds[kind].source !== 'client',
);

/** The first rule that fits. A rule without any condition fits nothing. */
export function findFailureRule(rules: readonly FailureRule[], error: StatedError): FailureRule | undefined {
  return rules.find((rule) => fits(rule, error));
}

function fits({ status, code, type, message }: FailureRule, error: StatedError): boolean {
  if (status === undefined && code === undefined && type === undefined && message === undefined) return false;
  return (
    (status === undefined || status === error.status) &&
    (code === undefined || code === error.code) &&
    (type === undefined || type === error.type) &&
    (message === undefined || error.message.toLowerCase().includes(message.toLowerCase()))
  );
}
