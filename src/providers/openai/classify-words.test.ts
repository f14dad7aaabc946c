// What each word and each status of the table says by itself: a sentence can be written anew any day.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FailureKind } from '../../core/failure.ts';
import type { FailedAnswer } from '../../core/provider.ts';
import { classify } from './classify.ts';

function answerOf(status: number, code: string | null = null, type = 'invalid_request_error'): FailedAnswer {
  const body = { error: { message: 'Said anew.', type, param: null, code } };
  return { status, header: () => undefined, body: Buffer.from(JSON.stringify(body)), nowMs: 0 };
}

/** What a word alone says, as code or as type, beside a sentence that is not known. */
const words: Readonly<Record<string, readonly [status: number, words: readonly string[]]>> = {
  insufficient_quota: [
    429,
    [
      'insufficient_quota',
      'credit_balance_exhausted',
      'organization_spend_limit_exceeded',
      'organization_usage_limit_exceeded',
      'project_spend_limit_exceeded',
      'billing_hard_limit_reached',
      'billing_not_active',
      'exceeded_current_quota_error',
      'spend_limit_exceeded',
      'usage_limit_exceeded',
      'usage_limit_reached',
    ],
  ],
  upstream_overloaded: [
    429,
    [
      'slow_down',
      'server_is_overloaded',
      'service_unavailable_error',
      'resource_unavailable',
      'overloaded_error',
      'engine_overloaded_error',
    ],
  ],
  context_length_exceeded: [400, ['context_length_exceeded']],
  policy_refused: [
    400,
    [
      'content_policy_violation',
      'image_content_policy_violation',
      'content_filter',
      'moderation_blocked',
      'invalid_prompt',
      'bio_policy',
      'cyber_policy',
      'data_residency_mismatch',
      'unsupported_country_region_territory',
    ],
  ],
  model_not_found: [400, ['model_not_found', 'DeploymentNotFound']],
  wrong_organization: [
    401,
    ['mismatched_organization', 'mismatched_project', 'invalid_organization', 'invalid_project'],
  ],
  invalid_api_key: [
    400,
    [
      'invalid_api_key',
      'account_deactivated',
      'organization_deactivated',
      'organization_restricted',
      'access_terminated',
      'no_organization',
      'ip_not_authorized',
      'authentication_error',
    ],
  ],
  rate_limited: [200, ['rate_limit_exceeded', 'rate_limit_error', 'requests', 'tokens']],
};

for (const [kind, [status, list]] of Object.entries(words)) {
  test(`a word alone says: ${kind}`, () => {
    for (const word of list) {
      assert.equal(classify(answerOf(status, word)).kind, kind, `code ${word}`);
      assert.equal(classify(answerOf(status, null, word)).kind, kind, `type ${word}`);
    }
  });
}

test('where no word decides, the status does', () => {
  const rows: Readonly<Partial<Record<FailureKind, readonly number[]>>> = {
    invalid_api_key: [401],
    insufficient_quota: [402],
    policy_refused: [403],
    caller_error: [400, 404, 405, 409, 422],
    request_too_large: [413, 414, 431],
    rate_limited: [429],
    upstream_overloaded: [503, 529],
    upstream_error: [408, 500, 502, 504, 520],
  };
  for (const [kind, statuses] of Object.entries(rows))
    for (const status of statuses) assert.equal(classify(answerOf(status)).kind, kind, String(status));
});
