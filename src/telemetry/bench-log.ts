// The log line of an account that is benched: others serve in its place, so nothing else would tell anybody of it.
import type { Account } from '../core/account.ts';
import type { FailureKind } from '../core/failure.ts';
import type { Log } from './log.ts';

/** Writes the line. The reason is a sentence without secrets; `untilMs` is ms since the epoch. */
export function logBench(
  { logger }: Pick<Log, 'logger'>,
  { id, providerId, label }: Account,
  { kind, reason, untilMs }: { readonly kind: FailureKind; readonly reason: string; readonly untilMs: number },
): void {
  const members = {
    account_id: id,
    provider_id: providerId,
    label,
    kind,
    reason,
    until: new Date(untilMs).toISOString(),
  };
  logger.warn(members, 'an account is benched: it gets no requests until then');
}
