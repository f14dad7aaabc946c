// Dispatch: the loop of attempts. It has no rule of its own: who serves, whether to retry and how long to wait are decided elsewhere.
import { GatewayError } from '../core/errors.ts';
import { Lease } from '../pool/lease.ts';
import { KeptPrompt } from './kept-prompt.ts';
import { currentStop, nextLease, stopIfStopped, type Journey } from './next-lease.ts';
import { gatewayHeaders } from './own-headers.ts';
import { estimateTokens } from './parse.ts';
import { termsOf } from './reserve.ts';
import { letGoBody, Trial } from './trial.ts';
import { lastWord, type HeldAnswer } from './verdict.ts';
import type { Dispatch, GatewayParts, Work } from './work.ts';

/** Serves the request, or answers with the upstream's last word; throws a `GatewayError` where that is ours. */
export async function dispatch(parts: GatewayParts, work: Dispatch): Promise<void> {
  const { record } = work;
  try {
    const journey = journeyOf(work);
    const prompt = new KeptPrompt(work.request.body, work.request.content);
    for (;;) {
      const next = nextLease(parts, journey);
      const found = next instanceof Promise ? await next : next;
      if (!(found instanceof Lease)) return answerHeld(parts, work, found);
      const lease = found;
      // `using` would cost 0.4 µs.
      try {
        const { account } = lease;
        const stop = currentStop(journey);
        record.chosenBecause = journey.stop === 0 ? lease.because : `${stop.because}: ${lease.because}`;
        journey.tried.push(account.id);
        const asked = termsOf(work, stop);
        const terms = asked instanceof Promise ? await asked : asked;
        if (terms instanceof GatewayError || work.exchange.cancellation.isCancelled) {
          lease.refund();
          stopIfStopped(work.exchange);
        }
        if (terms instanceof GatewayError) {
          if (journey.failed.length === 0) throw terms;
          return answerLast(parts, work, journey);
        }
        const trial = new Trial(parts, work, { stop, lease, prompt, terms });
        const result = await trial.run();
        trial.book(result);
        if (result.kind === 'answered') {
          record.outcome = result.outcome;
          record.errorCode = result.errorCode;
          work.specimens.keep('journey', journey);
          return;
        }
        journey.failed.push({ label: account.label, failure: result.failure, answer: result.answer });
      } finally {
        lease[Symbol.dispose]();
      }
    }
  } finally {
    letGoBody(work);
  }
}

function journeyOf(work: Dispatch): Journey {
  return {
    exchange: work.exchange,
    record: work.record,
    key: work.key,
    reservation: work.reservation,
    transcriber: work.transcriber,
    deadlineMs: work.deadlineMs,
    estimates: work.estimates,
    stops: work.stops,
    stop: 0,
    tokens: estimateTokens(work.request),
    failed: [],
    tried: [],
    askedProviders: [],
  };
}

/** No further attempt may be made: the last one's failure is the answer. */
function answerLast(parts: GatewayParts, work: Work, { failed }: Journey): void {
  const word = lastWord(failed, true);
  if (word instanceof GatewayError) throw word;
  answerHeld(parts, work, word);
}

/** Gives the client an upstream's own error. Once the gateway has retried, the client's SDK shall not. */
function answerHeld(parts: GatewayParts, work: Work, held: HeldAnswer): void {
  const { exchange, record } = work;
  const hasRetried = record.attempts.length > 1;
  const headers: string[] = [];
  for (let i = 0; i + 1 < held.headers.length; i += 2) {
    const name = held.headers[i] as string;
    if (!(hasRetried && name === 'x-should-retry')) headers.push(name, held.headers[i + 1] as string);
  }
  if (hasRetried) headers.push('x-should-retry', 'false');
  const last = record.attempts.at(-1);
  record.status = held.status;
  // That an account lacks a model is the account's affair; that nobody has it is the caller's, as where the gateway says it.
  record.outcome = last?.failure === 'model_not_found' ? 'client_error' : (last?.outcome ?? 'upstream_error');
  record.errorCode = last?.failure ?? null;
  exchange.answer.start(held.status, [...headers, ...gatewayHeaders(parts, work)]);
  exchange.answer.end(held.body);
}
