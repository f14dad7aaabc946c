// The OpenAPI 3.1 document, made from the same schemas that check the requests.
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Env } from './parts.ts';

const groups = [
  { name: 'Providers', description: "Vendors' APIs, and where they are." },
  { name: 'Accounts', description: 'Credentials at providers: what the gateway spreads its requests over.' },
  { name: 'Routes', description: 'Your own rules from model names to providers. Without any, the built-in ones hold.' },
  { name: 'Prices', description: 'What tokens cost: list prices, and your own before them.' },
  { name: 'Client keys', description: 'What clients show to use `/v1`, and how much each of them may.' },
  { name: 'Requests', description: 'The ledger: every request with its attempts, its usage and its cost.' },
  { name: 'Transcripts', description: 'What was asked and answered, for client keys that say that it be kept.' },
  { name: 'Usage', description: 'Sums of the ledger.' },
  { name: 'Settings', description: 'What the gateway was started with.' },
  { name: 'Audit', description: 'Who changed what, and when.' },
];

/** The document of all routes that `app` has. */
export function openApiDocument(app: OpenAPIHono<Env>): object {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'aigateway management API',
      version: '1',
      description:
        'JSON in snake_case, times in ISO 8601 UTC. A change is in force for the next request. Errors have one form everywhere; unknown fields are errors.',
      license: { name: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: groups,
    security: [{ adminToken: [] }, {}],
  });
  const components = {
    ...document.components,
    securitySchemes: {
      adminToken: {
        type: 'http',
        scheme: 'bearer',
        description: 'The value of AIGATEWAY_ADMIN_TOKEN; none is needed where the gateway runs without it.',
      },
    },
  };
  return { ...document, components };
}
