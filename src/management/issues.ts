// From what a schema found wrong to one clear sentence and the field it is about. Values are never repeated.
import type { z } from '@hono/zod-openapi';
import { GatewayError } from '../core/errors.ts';
import { withoutSecret } from '../core/redaction.ts';

type Issue = z.core.$ZodIssue;

/** Fields of answers that no request can set. */
const readOnlyFields = [
  'health',
  'quota',
  'prefix',
  'previous_key_until',
  'revoked_at',
  'created_at',
  'updated_at',
  'last_used_at',
  'source',
  'version',
];

/** How a JSON type is called. */
const typeNames: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** The error for a body or query that does not fit; an unknown field is told first, for a misspelt one is missing too. */
export function errorOfIssues(issues: readonly Issue[], wholeName: 'body' | 'query'): GatewayError {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  if (issue === undefined) return new GatewayError('invalid_request', `The ${wholeName} cannot be understood.`);
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const param = [...issue.path, ...unknown].map((part) => nameOf(String(part))).join('.');
  if (param === '') return new GatewayError('invalid_request', `The ${wholeName} ${problemOf(issue, wholeName)}.`);
  if (unknown.length === 0)
    return new GatewayError('invalid_request', `${param} ${problemOf(issue, wholeName)}.`, { param });
  const message =
    wholeName === 'body' && readOnlyFields.includes(param)
      ? `${param} is read-only.`
      : `There is no field ${param}; the fields are listed at /api/v1/docs.`;
  return new GatewayError('invalid_request', message, { param });
}

/** A field's name, cut to a sane length: whoever puts a key in the wrong place shall not find it in a log. */
function nameOf(name: string): string {
  return withoutSecret(name).slice(0, 64);
}

/** The end of a sentence that begins with the field's name. */
function problemOf(issue: Issue, wholeName: 'body' | 'query'): string {
  switch (issue.code) {
    case 'invalid_type':
      if (wholeName === 'query' && issue.message.endsWith('received array')) return 'must be given once';
      return issue.message.endsWith('received undefined')
        ? 'is required'
        : `must be ${typeNames[issue.expected] ?? issue.expected}`;
    case 'too_small':
      return limitProblem(issue.origin, issue.minimum, 'least');
    case 'too_big':
      return limitProblem(issue.origin, issue.maximum, 'most');
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'invalid_format':
      return issue.message.startsWith('must ') ? issue.message : `must be a valid ${issue.format}`;
    case 'custom':
      return issue.message.startsWith('must ') ? issue.message : 'is not as it must be';
    default:
      return 'is not as it must be';
  }
}

function limitProblem(origin: string, limit: number | bigint, bound: 'least' | 'most'): string {
  if (origin === 'string') {
    if (bound === 'least' && Number(limit) === 1) return 'must not be empty';
    return `must be at ${bound} ${limit} characters long`;
  }
  if (origin === 'array') return `must have at ${bound} ${limit} items`;
  return `must be at ${bound} ${limit}`;
}
