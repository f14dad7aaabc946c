// Tests what is read of limits and of their owners.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { QuotaOwner, QuotaReading } from '../../core/quota.ts';
import { readGroup, readQuota } from './quota.ts';

type Headers = Readonly<Record<string, string>>;

function reader(headers: Headers): (name: string) => string | undefined {
  return (name) => headers[name];
}

function limitError(message: string): Uint8Array {
  return Buffer.from(JSON.stringify({ error: { message, type: 'tokens', param: null, code: 'rate_limit_exceeded' } }));
}

const nothing: QuotaReading = {
  limitRequests: null,
  remainingRequests: null,
  resetRequestsMs: null,
  limitTokens: null,
  remainingTokens: null,
  resetTokensMs: null,
};

/** The official sample values (test/fixtures/openai-wire.md section 4). */
const sample: Headers = {
  'x-ratelimit-limit-requests': '60',
  'x-ratelimit-limit-tokens': '150000',
  'x-ratelimit-remaining-requests': '59',
  'x-ratelimit-remaining-tokens': '149984',
  'x-ratelimit-reset-requests': '1s',
  'x-ratelimit-reset-tokens': '6m0s',
};

const sampleReading: QuotaReading = {
  limitRequests: 60,
  remainingRequests: 59,
  resetRequestsMs: 1000,
  limitTokens: 150_000,
  remainingTokens: 149_984,
  resetTokensMs: 360_000,
};

suite('quota from headers', () => {
  const rows: readonly (readonly [name: string, headers: Headers, reading: QuotaReading | undefined])[] = [
    ['all six', sample, sampleReading],
    ['none (forum 935514)', { 'x-request-id': 'req_1' }, undefined],
    [
      'plain seconds, as Azure has them',
      { 'x-ratelimit-remaining-requests': '9', 'x-ratelimit-reset-requests': '12' },
      { ...nothing, remainingRequests: 9, resetRequestsMs: 12_000 },
    ],
    [
      'milliseconds (open-webui#3743)',
      { 'x-ratelimit-reset-requests': '120ms', 'x-ratelimit-reset-tokens': '8ms' },
      { ...nothing, resetRequestsMs: 120, resetTokensMs: 8 },
    ],
    [
      'nothing left, full again at once',
      { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '0s' },
      { ...nothing, remainingTokens: 0, resetTokensMs: 0 },
    ],
    ...['-1', 'abc', '', 'NaN', 'Infinity', '-0.5', '1e5', '0x10', '1,000', '9'.repeat(30), '9'.repeat(400)].map(
      (text) =>
        [
          `nonsense: ${text.slice(0, 12)}`,
          Object.fromEntries(Object.keys(sample).map((key) => [key, text])),
          undefined,
        ] as const,
    ),
    ['a limit of nothing is none', { 'x-ratelimit-limit-tokens': '0' }, undefined],
    ['a reset in years, or a point in time', { 'x-ratelimit-reset-requests': '1743292800000' }, undefined],
    [
      'one bad value spoils no other',
      { ...sample, 'x-ratelimit-limit-requests': '-1', 'x-ratelimit-reset-tokens': 'soon' },
      { ...sampleReading, limitRequests: null, resetTokensMs: null },
    ],
  ];
  for (const [name, headers, reading] of rows) {
    test(name, () => assert.deepEqual(readQuota(reader(headers)), reading));
  }
});

suite('quota from the sentence of a 429', () => {
  const rows: readonly (readonly [sentence: string, reading: Partial<QuotaReading> | undefined])[] = [
    [
      'Rate limit reached for gpt-4o in organization org-Abc123 on tokens per min (TPM): Limit 30000, Used 29937, Requested 385. Please try again in 644ms.',
      { limitTokens: 30_000, remainingTokens: 63 },
    ],
    [
      'Rate limit reached for gpt-3.5-turbo in organization org-Abc123 on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s.',
      { limitRequests: 3, remainingRequests: 0 },
    ],
    [
      'Rate limit reached for model `llama` in organization `org_Abc123` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443.',
      { limitTokens: 6000, remainingTokens: 966 },
    ],
    [
      'Rate limit reached for default-global-with-image-limits in organization org-Abc123 on requests per min. Limit: 60.000000 / min. Current: 80.000000 / min.',
      { limitRequests: 60, remainingRequests: 0 },
    ],
    [
      'Request too large for gpt-4o in organization org-Abc123 on tokens per min (TPM): Limit 30000, Requested 30601.',
      { limitTokens: 30_000 },
    ],
    ['Rate limit reached for gpt-4o on requests per day (RPD): Limit 200, Used 200, Requested 1.', undefined],
    ['Rate limit reached for requests', undefined],
    ["Invalid value: 'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 1, Used 1'.", undefined],
    ['Rate limit reached for gpt-4o on tokens per min (TPM): Limit 0, Used 0, Requested 1.', undefined],
  ];
  for (const [sentence, reading] of rows) {
    test(sentence.slice(0, 70), () => {
      const expected = reading === undefined ? undefined : { ...nothing, ...reading };
      assert.deepEqual(readQuota(reader({}), limitError(sentence)), expected);
    });
  }

  test('headers come first, the sentence fills what they leave out', () => {
    const body = limitError(
      'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29937, Requested 385.',
    );
    const headers = { 'x-ratelimit-remaining-tokens': '50', 'x-ratelimit-limit-tokens': 'abc' };
    assert.deepEqual(readQuota(reader(headers), body), { ...nothing, limitTokens: 30_000, remainingTokens: 50 });
  });
});

suite('whose quota', () => {
  const sentence = 'Rate limit reached for gpt-4o in organization org-Abc123 on tokens per min (TPM): Limit 3, Used 3.';
  const rows: readonly (readonly [
    name: string,
    headers: Headers,
    text: string | undefined,
    owner: QuotaOwner | undefined,
  ])[] = [
    [
      'both headers',
      { 'openai-organization': 'acme-inc', 'openai-project': 'proj_Abc123' },
      undefined,
      { organization: 'acme-inc', project: 'proj_Abc123' },
    ],
    ['one header', { 'openai-organization': 'user-abc123' }, undefined, { organization: 'user-abc123' }],
    ['only the project', { 'openai-project': 'proj_Abc123' }, undefined, { project: 'proj_Abc123' }],
    ['the sentence', {}, sentence, { organization: 'org-Abc123' }],
    ['the sentence without a model', {}, sentence.replace('gpt-4o in ', ''), { organization: 'org-Abc123' }],
    [
      'the sentence with backticks',
      {},
      'Rate limit reached for model `m` in organization `org_Abc1` on',
      { organization: 'org_Abc1' },
    ],
    [
      'the sentence with a project',
      {},
      'Rate limit reached for gpt-4o in project proj_Xy9 in organization org-Abc1 on',
      { organization: 'org-Abc1', project: 'proj_Xy9' },
    ],
    ['the header before the sentence', { 'openai-organization': 'acme-inc' }, sentence, { organization: 'acme-inc' }],
    ['a sentence that quotes the client', {}, `Invalid value: '${sentence}'.`, undefined],
    ['a name that is none', { 'openai-organization': 'a b', 'openai-project': '' }, undefined, undefined],
    ['two names in one header', { 'openai-organization': 'acme, other' }, undefined, undefined],
    ['nothing', {}, undefined, undefined],
  ];
  for (const [name, headers, text, owner] of rows) {
    test(name, () => {
      const body = text === undefined ? undefined : limitError(text);
      assert.deepEqual(readGroup({ header: reader(headers), ...(body !== undefined && { body }) }), owner);
    });
  }
});

test('whatever comes, values are finite, not negative, or null', () => {
  const anyText = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.integer().map(String),
    fc.constantFrom('6m0s', '1.5'),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...Object.keys(sample)), anyText), fc.uint8Array(), (headers, body) => {
      for (const value of Object.values(readQuota(reader(headers), body) ?? {})) {
        assert.ok(value === null || (Number.isFinite(value) && value >= 0), String(value));
      }
      readGroup({ header: reader(headers), body });
    }),
  );
});
