// Whose key a request carries, which organization and limits go with it, and how a key is shown without giving it away.
import { hash } from 'node:crypto';
import { incorrectKey, missingKey } from './refusals.ts';
import type { Reply } from './reply.ts';
import type { KeyScript, MockScript, RateLimits } from './script.ts';

/** The owner of a request. */
export interface Caller {
  readonly key: string;
  /** The key's name in the journal. */
  readonly label: string;
  readonly organization: string;
  readonly project: string;
  readonly models: readonly string[] | undefined;
  /** The id that the books name the key by. */
  readonly apiKeyId: string;
  /** Whether the script has a row for the key. */
  readonly isListed: boolean;
  /** Limits of the quota that the key belongs to, as far as the script gives any for it. */
  readonly limits: RateLimits;
}

const BEARER = /^Bearer\s+(\S+)\s*$/i;
const SHOWN_AT_START = 8;
const SHOWN_AT_END = 4;
const ADMIN_PREFIX = 'sk-admin-';

/** True for a key that reads an organization's books, and does nothing else. */
export function isAdminKey(key: string): boolean {
  return key.startsWith(ADMIN_PREFIX);
}

/** `sk-…abcd`: enough to tell keys apart in a journal. */
export function keyLabel(key: string): string {
  return key.length >= 12 ? `${key.startsWith('sk-') ? 'sk-' : ''}…${key.slice(-SHOWN_AT_END)}` : '…';
}

/** A key as OpenAI's 401 shows it: the first eight and last four characters; a short one whole. */
export function starredKey(key: string): string {
  const hidden = key.length - SHOWN_AT_START - SHOWN_AT_END;
  return hidden <= 0 ? key : key.slice(0, SHOWN_AT_START) + '*'.repeat(hidden) + key.slice(-SHOWN_AT_END);
}

/** The key in an Authorization header, or undefined. */
export function bearerKey(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
}

/** The keys of one script. */
export class KeyRing {
  readonly #listed: ReadonlyMap<string, Caller>;
  readonly #bad: ReadonlySet<string>;
  readonly #onlyListed: boolean;

  constructor(script: MockScript) {
    const keys = Object.entries(script.keys ?? {});
    const quotaLimits = limitsByQuota(keys);
    this.#listed = new Map(keys.map(([key, row]) => [key, callerOf(key, row, quotaLimits, true)]));
    this.#bad = new Set(script.bad_keys);
    this.#onlyListed = script.only_listed_keys === true;
  }

  /** The caller, or OpenAI's 401. */
  identify(authorization: string | undefined): { readonly caller: Caller } | { readonly refusal: Reply } {
    const key = bearerKey(authorization);
    if (key === undefined) return { refusal: missingKey() };
    const listed = this.#listed.get(key);
    if (this.#bad.has(key) || !key.startsWith('sk-') || (listed === undefined && this.#onlyListed)) {
      return { refusal: incorrectKey(starredKey(key)) };
    }
    return { caller: listed ?? callerOf(key, {}, new Map(), false) };
  }
}

/** The first key of an organization and project that states a limit states it for all of them. */
function limitsByQuota(keys: readonly (readonly [string, KeyScript])[]): ReadonlyMap<string, RateLimits> {
  const limits = new Map<string, RateLimits>();
  for (const [key, row] of keys) {
    const name = quotaName(ownerOf(key, row));
    const stated = { ...(row.rpm !== undefined && { rpm: row.rpm }), ...(row.tpm !== undefined && { tpm: row.tpm }) };
    limits.set(name, { ...stated, ...limits.get(name) });
  }
  return limits;
}

/** The name of the quota that keys of the same organization and project share. */
export function quotaName(owner: { readonly organization: string; readonly project: string }): string {
  return `${owner.organization}/${owner.project}`;
}

function callerOf(
  key: string,
  row: KeyScript,
  quotaLimits: ReadonlyMap<string, RateLimits>,
  isListed: boolean,
): Caller {
  const owner = ownerOf(key, row);
  return {
    ...owner,
    key,
    label: row.label ?? keyLabel(key),
    models: row.models,
    apiKeyId: `key_${digest(key)}`,
    isListed,
    limits: quotaLimits.get(quotaName(owner)) ?? {},
  };
}

function ownerOf(key: string, row: KeyScript): { organization: string; project: string } {
  const organization = row.organization ?? `org-${digest(key)}`;
  return { organization, project: row.project ?? `proj_${digest(organization)}` };
}

function digest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 16);
}
