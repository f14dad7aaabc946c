// The provider resource as the management API speaks of it.
import { z } from '@hono/zod-openapi';
import { providerConfigSchema } from '../../configuration/row-schemas.ts';
import { authStrategies } from '../../providers/auth-strategies.ts';
import { builtInProviders } from '../../providers/registry.ts';
import { pageOf, shortText } from './common.ts';

const [example] = builtInProviders;

const fields = {
  name: shortText(200).describe('What people call it.').meta({ example: example?.name }),
  base_url: z
    .string()
    .min(1)
    .max(2000)
    .describe('Where it is: an http or https URL without user name, query or fragment.')
    .meta({ example: example?.base_url }),
  auth_type: shortText(64).describe('What its credentials are called; says nothing to the gateway.'),
  auth_strategy: z.enum(Object.keys(authStrategies)).describe('How a credential is checked and sent.'),
  supported_models: z
    .array(shortText(200))
    .max(1000)
    .describe('Models that `GET /v1/models` lists and that lead here when nothing else does. Others are not refused.')
    .meta({ example: example?.supported_models.slice(0, 2) }),
  is_active: z.boolean().describe('Whether it may be used.'),
  config: z.strictObject(providerConfigSchema.shape).describe('Settings that have a default; replaced as a whole.'),
};

const id = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9_-]*$/, 'must be lower-case letters, digits, "-" and "_", and start with a letter or digit')
  .describe('Its name in `provider_id` and in `provider/model`.')
  .meta({ example: example?.id });

/** A provider as it is answered. */
export const providerSchema = z.object({ id, ...fields, auth_strategy: z.string() }).openapi('Provider');

/** A page of providers. */
export const providerPage = pageOf('ProviderPage', providerSchema);

/** The body of POST. */
export const newProvider = z
  .strictObject({
    id,
    ...fields,
    name: fields.name.optional().describe('What people call it; the id where absent.'),
    auth_type: fields.auth_type.optional(),
    auth_strategy: fields.auth_strategy.optional(),
    supported_models: fields.supported_models.optional(),
    is_active: fields.is_active.optional(),
    config: fields.config.optional(),
  })
  .describe(
    'What is left out of a built-in provider is as it is built in, and of any other: `auth_type` and `auth_strategy` `api_key`, no `supported_models`, active, no `config`.',
  )
  .openapi('NewProvider', {
    example: { id: 'local', name: 'Local models', base_url: 'http://127.0.0.1:11434', config: { key_prefixes: [] } },
  });

/** The body of PATCH and PUT. */
export const providerChange = z
  .strictObject({ id: id.describe('May be repeated, not changed.'), ...fields })
  .partial()
  .openapi('ProviderChange', { example: { is_active: true } });

export type ProviderAnswer = z.infer<typeof providerSchema>;
export type ProviderChange = z.infer<typeof providerChange>;
