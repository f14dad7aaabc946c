// What other gateways must hear of this one's pool: collected request by request, told together, and understood there.
import { z } from 'zod';
import type { QuotaReading } from '../core/quota.ts';
import { restSchema, type Rest } from './rest.ts';

const amount = z.number().nullable();

/** What has become of a quota: one account stands for its whole group. */
const quotaNewsSchema = z.object({
  accountId: z.string(),
  model: z.string(),
  /** Sent since the last news. */
  requests: z.number(),
  tokens: z.number(),
  /** The upstream's last word, and how long ago the request left that it answers; null where there is none. */
  word: z
    .object({
      ageMs: z.number(),
      limitRequests: amount,
      remainingRequests: amount,
      resetRequestsMs: amount,
      limitTokens: amount,
      remainingTokens: amount,
      resetTokensMs: amount,
    })
    .nullable(),
});

const ownerSchema = z.object({
  accountId: z.string(),
  owner: z.object({ organization: z.string().exactOptional(), project: z.string().exactOptional() }),
});

const newsSchema = z.object({
  quotas: z.array(quotaNewsSchema),
  rests: z.array(restSchema),
  owners: z.array(ownerSchema),
  /** Accounts whose rests have been lifted. */
  lifted: z.array(z.string()),
});

export type News = z.infer<typeof newsSchema>;
export type QuotaNews = z.infer<typeof quotaNewsSchema>;

/** What a text tells; undefined where it is not understood, as from another version. */
export function readNews(text: string): News | undefined {
  return parseAs(newsSchema, text);
}

/** The rest that a text tells of; undefined where it is not understood. */
export function readRest(text: string): Rest | undefined {
  return parseAs(restSchema, text);
}

function parseAs<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

interface Draft {
  requests: number;
  tokens: number;
  reading: QuotaReading | undefined;
  sentAtMs: number;
}

/** What has become of quotas since the last news. */
export class QuotaDrafts {
  readonly #drafts = new Map<string, Map<string, Draft>>();

  took(accountId: string, model: string, requests: number, tokens: number): void {
    const draft = this.#draft(accountId, model);
    draft.requests += requests;
    draft.tokens += tokens;
  }

  read(accountId: string, model: string, reading: QuotaReading, sentAtMs: number): void {
    const draft = this.#draft(accountId, model);
    if (sentAtMs < draft.sentAtMs) return;
    draft.reading = reading;
    draft.sentAtMs = sentAtMs;
  }

  /** All of it, and begins anew. */
  take(nowMs: number): QuotaNews[] {
    const news: QuotaNews[] = [];
    for (const [accountId, models] of this.#drafts) {
      for (const [model, { requests, tokens, reading, sentAtMs }] of models) {
        const word = reading === undefined ? null : { ageMs: nowMs - sentAtMs, ...reading };
        news.push({ accountId, model, requests, tokens, word });
      }
    }
    this.#drafts.clear();
    return news;
  }

  #draft(accountId: string, model: string): Draft {
    let models = this.#drafts.get(accountId);
    if (models === undefined) this.#drafts.set(accountId, (models = new Map()));
    let draft = models.get(model);
    if (draft === undefined) {
      draft = { requests: 0, tokens: 0, reading: undefined, sentAtMs: Number.NEGATIVE_INFINITY };
      models.set(model, draft);
    }
    return draft;
  }
}
