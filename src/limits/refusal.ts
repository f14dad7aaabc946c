// What a client is told that its key's own limits refuse: which, how much, and when it can try again.
import type { ClientKey } from '../core/client-key.ts';
import { GatewayError } from '../core/errors.ts';
import type { Period } from '../core/period.ts';
import type { LimitName, Money, Obstacle } from '../shared-state/limit-state.ts';

/** A place is free as soon as a request ends: nobody knows when. */
const placeRetryMs = 1000;

const nanosPerMicro = 1000;

/** What a refusal is about. */
export interface Refused {
  readonly key: ClientKey;
  readonly obstacles: readonly Obstacle[];
  readonly money: Money | null;
  readonly period: Period | null;
  /** Estimated. */
  readonly tokens: number;
}

/** A refusal, and the limit that it is laid at. */
export interface Refusal {
  readonly limit: LimitName;
  readonly error: GatewayError;
}

/** The error for the client: the budget's where it is among the obstacles, else that of the limit that lasts longest. */
export function refusalOf(refused: Refused): Refusal {
  const { obstacles } = refused;
  if (obstacles.some(({ limit }) => limit === 'budget')) return { limit: 'budget', error: budgetRefusal(refused) };
  const longest = obstacles.reduce((a, b) => (waitOf(b) > waitOf(a) ? b : a));
  const { limit } = longest;
  const message = words[limit as keyof typeof words](refused);
  return {
    limit,
    error: new GatewayError('rate_limit_exceeded', message, { type: limit, retryAfterMs: waitOf(longest) }),
  };
}

const words: Readonly<Record<Exclude<LimitName, 'budget'>, (refused: Refused) => string>> = {
  requests: ({ key }) =>
    `The client key "${key.name}" may send ${key.rpm} requests a minute, and has; try again after Retry-After.`,
  tokens: ({ key, tokens }) =>
    `The client key "${key.name}" may use ${key.tpm} tokens a minute, and this request with its estimated ${tokens} does not fit; try again after Retry-After.`,
  concurrency: ({ key }) =>
    `The client key "${key.name}" may have ${key.maxConcurrency} requests at the same time, and has; try again when one of them has ended.`,
};

/** A model without a price: what it costs cannot be held against a budget. */
export function unpricedRefusal(key: ClientKey, model: string): GatewayError {
  return new GatewayError(
    'model_not_allowed',
    `The client key "${key.name}" has a budget, and the price of the model "${model}" is not known; add one with POST /api/v1/prices, or let the key use unpriced models.`,
    { param: 'model', shouldRetry: false },
  );
}

/** The budget does not cover one more attempt, or the dearer model of a fallback. */
export function attemptRefusal(key: ClientKey): GatewayError {
  return new GatewayError(
    'budget_exceeded',
    `What is left of the budget of the client key "${key.name}" does not cover another attempt of this request.`,
    { shouldRetry: false },
  );
}

function waitOf({ waitMs }: Obstacle): number {
  return Math.max(waitMs ?? placeRetryMs, 1);
}

function budgetRefusal({ key, money, period }: Refused): GatewayError {
  const amount = dollars(key.budget?.amountNanoUsd ?? 0);
  const spent = dollars(money?.spentNanoUsd ?? 0);
  const reserved = money?.reservedNanoUsd ?? 0;
  const held = reserved > 0 ? `, ${dollars(reserved)} is held for requests under way` : '';
  return new GatewayError(
    'budget_exceeded',
    `The client key "${key.name}" may spend ${amount}${periodWords[key.budget?.period ?? 'none']}; ${spent} is spent${held}, and this request could cost more than the rest. ${resetWords(period)}`,
    { shouldRetry: false },
  );
}

const periodWords = { day: ' a day', week: ' a week', month: ' a month', none: '' } as const;

function resetWords(period: Period | null): string {
  if (period === null || !Number.isFinite(period.endMs)) return 'The budget does not begin anew by itself.';
  return `It begins anew at ${new Date(period.endMs).toISOString().replace('.000', '')}.`;
}

/** Money for people: to the cent, and finer where it would read as nothing. Rounded up, so that nothing spent never shows as free. */
export function dollars(nanoUsd: number): string {
  const micros = Math.ceil(nanoUsd / nanosPerMicro);
  const text = (micros / 1_000_000).toFixed(6);
  return `$${text.replace(/0{1,4}$/u, '')}`;
}
