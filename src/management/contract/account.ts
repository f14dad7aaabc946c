// The account resource as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { adminKeyField, credentialFields } from '../../providers/auth-strategies.ts';
import { builtInProviders } from '../../providers/registry.ts';
import { pageOf, shortText, timeSchema } from './common.ts';

const [exampleProvider] = builtInProviders;
const exampleId = 'acc_01jd5xk2mp4q8r6s0t3v7w9yz';
const firstCredentialField = credentialFields[0];

/** Goes out as a header, so it holds what a header may hold. */
const headerText = z
  .string()
  .max(200)
  .regex(/^[\x21-\x7e]+$/, 'must be letters, digits and signs without white space');

const credentials = Object.fromEntries(
  credentialFields.map((name, n) => [
    name,
    z
      .string()
      .describe(n === 0 ? 'The key.' : 'Another name for it.')
      .optional(),
  ]),
);

/** A credential, under one of the names that it may have. */
const authDataSchema = z
  .strictObject({
    ...credentials,
    [adminKeyField]: z
      .string()
      .nullable()
      .describe("A key that reads the provider's own books, for `POST /reconcile` and nothing else; null: none.")
      .optional(),
  })
  .describe(
    `The credential, and perhaps an admin key; encrypted at rest and never shown again. The credential is one of ${credentialFields.map((name) => `\`${name}\``).join(', ')}.`,
  )
  .meta({ example: { [firstCredentialField]: 'sk-proj-...' } });

const limit = z.int().min(1).nullable();

const fields = {
  provider_id: shortText(64)
    .describe('The provider that the credential is for.')
    .meta({ example: exampleProvider?.id }),
  label: shortText(200).describe('What people call it; errors name it.').meta({ example: 'Production' }),
  auth_data: authDataSchema,
  is_active: z.boolean().describe('Whether it may be used.'),
  weight: z.number().min(0).max(1_000_000).describe('Its share of the traffic, relative to the others; 0 drains it.'),
  priority: z.int().min(-1_000_000).max(1_000_000).describe('Accounts of a higher priority are used first.'),
  quota_group: shortText(200)
    .nullable()
    .describe('Accounts that share one quota upstream: the same text in each of them.'),
  allowed_models: z
    .array(shortText(200))
    .max(1000)
    .describe('The models that it may serve, `*` for any run of characters; empty: all.')
    .meta({ example: [] }),
  limits: z
    .strictObject({ rpm: limit.optional(), tpm: limit.optional(), max_concurrency: limit.optional() })
    .describe(
      'Limits to keep it under, beside those that the upstream tells: requests and tokens a minute, calls at once. Of accounts that share a quota, those of the first count. Replaced as a whole.',
    )
    .meta({ example: {} }),
  organization: headerText.nullable().describe('The organization that its calls name upstream.'),
  project: headerText.nullable().describe('The project that its calls name upstream.'),
};

const id = z
  .string()
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be letters, digits, "-", "_" and "."')
  .meta({ example: exampleId });

const healthStatus = z.enum(['ok', 'benched', 'circuit_open', 'half_open', 'draining', 'disabled']);

const rest = {
  reason: z.string().nullable(),
  since: timeSchema.nullable(),
  until: timeSchema.nullable(),
};

const healthSchema = z
  .object({
    status: healthStatus,
    ...rest,
    per_model: z.array(z.object({ model: z.string(), status: healthStatus, ...rest })),
  })
  .describe('How it is now. A bench ends by itself at `until`.');

const count = z.number().nullable();

const quotaSchema = z
  .array(
    z.object({
      model: z.string(),
      limit_requests: count,
      remaining_requests: count,
      reset_requests_ms: count,
      limit_tokens: count,
      remaining_tokens: count,
      reset_tokens_ms: count,
      observed_at: timeSchema.nullable().describe('Null: it has said nothing, and the limits are those set by hand.'),
    }),
  )
  .describe('What the upstream last said is left.');

/** An account as it is answered. */
export const accountSchema = z
  .object({
    id,
    ...fields,
    auth_data: z
      .record(z.string(), z.string())
      .describe('The credential and the admin key, masked.')
      .meta({ example: { [firstCredentialField]: 'sk-…wxyz' } }),
    limits: z.record(z.string(), z.unknown()),
    organization: z.string().nullable(),
    project: z.string().nullable(),
    quota_group: z.object({
      id: z.string().nullable(),
      members: z
        .array(z.string())
        .describe('The accounts that share the quota, this one included.')
        .meta({ example: [exampleId] }),
      adds_no_capacity: z
        .boolean()
        .describe('Whether others share its quota, so that more keys do not mean more of it.'),
    }),
    health: healthSchema,
    quota: quotaSchema,
    created_at: timeSchema,
    updated_at: timeSchema,
    last_used_at: timeSchema.nullable(),
  })
  .openapi('Account');

/** A page of accounts. */
export const accountPage = pageOf('AccountPage', accountSchema);

/** The body of POST. */
export const newAccount = z
  .strictObject({
    id: id.describe('Made by the gateway where absent.').optional(),
    ...fields,
    is_active: fields.is_active.default(true),
    weight: fields.weight.default(1),
    priority: fields.priority.default(0),
    quota_group: fields.quota_group.default(null),
    allowed_models: fields.allowed_models.default([]),
    limits: fields.limits.default({}),
    organization: fields.organization.default(null),
    project: fields.project.default(null),
  })
  .openapi('NewAccount', {
    example: {
      provider_id: exampleProvider?.id,
      label: 'Production',
      auth_data: { [firstCredentialField]: 'sk-proj-...' },
      is_active: true,
    },
  });

/** The body of PATCH and PUT. */
export const accountChange = z
  .strictObject({ id: id.describe('May be repeated, not changed.'), ...fields })
  .partial()
  .openapi('AccountChange', { example: { label: 'Production', weight: 2 } });

/** The body of a rotation. */
export const rotation = z
  .strictObject({ auth_data: authDataSchema })
  .openapi('Rotation', { example: { auth_data: { [firstCredentialField]: 'sk-proj-...' } } });

/** What a test of an account found. */
export const testResult = z
  .object({
    ok: z.boolean().describe('Whether the upstream accepted the credential.'),
    status: z.int().nullable().describe("The upstream's HTTP status; null where no answer came."),
    models: z.array(z.string()).describe('The models that the credential may use.'),
    message: z.string().nullable().describe('What is wrong; null where all is well.'),
    duration_ms: z.int(),
  })
  .openapi('AccountTest');

export type AccountAnswer = z.infer<typeof accountSchema>;
export type NewAccount = z.infer<typeof newAccount>;
export type AccountChange = z.infer<typeof accountChange>;
/** The content of `auth_data`. */
export type AuthData = Readonly<
  Partial<Record<(typeof credentialFields)[number], string>> & { [adminKeyField]?: string | null | undefined }
>;
