// What OpenAI refuses at first sight: missing fields, wrong types and numbers out of range, as tables.
import type { JsonObject } from './json.ts';
import { badField } from './refusals.ts';
import type { Reply } from './reply.ts';

/** The least and the most a number may be. */
interface Range {
  readonly min: number;
  readonly max?: number;
  readonly isInteger?: true;
}

const NUMBERS: Readonly<Record<string, Range>> = {
  max_tokens: { min: 1, isInteger: true },
  max_completion_tokens: { min: 1, isInteger: true },
  n: { min: 1, max: 128, isInteger: true },
  top_logprobs: { min: 0, max: 20, isInteger: true },
  dimensions: { min: 1, max: 16_384, isInteger: true },
  temperature: { min: 0, max: 2 },
  top_p: { min: 0, max: 1 },
  presence_penalty: { min: -2, max: 2 },
  frequency_penalty: { min: -2, max: 2 },
};

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  service_tier: ['auto', 'default', 'flex', 'scale', 'priority', 'fast'],
  encoding_format: ['float', 'base64'],
};

/** The refusal of a body that OpenAI would not take, with the fields that the endpoint requires; undefined: it is fine. */
export function checkBody(body: JsonObject, required: readonly string[]): Reply | undefined {
  for (const param of ['model', ...required]) {
    if (body[param] == null)
      return badField(param, `Missing required parameter: '${param}'.`, 'missing_required_parameter');
  }
  if (typeof body['model'] !== 'string') return wrongType('model', 'a string', body['model']);
  return checkMessages(body, required) ?? checkStream(body) ?? checkNumbers(body) ?? checkChoices(body);
}

function checkMessages(body: JsonObject, required: readonly string[]): Reply | undefined {
  for (const param of required) {
    const value = body[param];
    if (param === 'messages' && !Array.isArray(value)) return wrongType(param, 'an array of objects', value);
    if (Array.isArray(value) && value.length === 0) {
      const expected = 'Expected an array with minimum length 1, but got an empty array instead.';
      return badField(param, `Invalid '${param}': empty array. ${expected}`, 'empty_array');
    }
  }
  return undefined;
}

function checkStream(body: JsonObject): Reply | undefined {
  const stream = body['stream'];
  if (stream != null && typeof stream !== 'boolean') return wrongType('stream', 'a boolean', stream);
  if (body['stream_options'] == null || stream === true) return undefined;
  return badField('stream_options', "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
}

function checkNumbers(body: JsonObject): Reply | undefined {
  for (const [param, { min, max, isInteger }] of Object.entries(NUMBERS)) {
    const value = body[param];
    if (value == null) continue;
    const kind = isInteger ? 'integer' : 'decimal';
    if (typeof value !== 'number' || (isInteger && !Number.isInteger(value))) {
      return wrongType(param, isInteger ? 'an integer' : 'a decimal', value);
    }
    if (value < min) {
      const message = `${kind} below minimum value. Expected a value >= ${min}, but got ${value} instead.`;
      return badField(param, `Invalid '${param}': ${message}`, `${kind}_below_min_value`);
    }
    if (max !== undefined && value > max) {
      const message = `${kind} above maximum value. Expected a value <= ${max}, but got ${value} instead.`;
      return badField(param, `Invalid '${param}': ${message}`, `${kind}_above_max_value`);
    }
  }
  if (body['max_tokens'] == null || body['max_completion_tokens'] == null) return undefined;
  const both = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
  return badField('max_tokens', both, 'invalid_parameter_combination');
}

function checkChoices(body: JsonObject): Reply | undefined {
  for (const [param, allowed] of Object.entries(CHOICES)) {
    const value = body[param];
    if (value == null || (typeof value === 'string' && allowed.includes(value))) continue;
    const names = allowed.map((name) => `'${name}'`).join(', ');
    const shown = `Invalid value: ${JSON.stringify(value)}. Supported values are: ${names}.`;
    return badField(param, shown, 'invalid_value');
  }
  return undefined;
}

function wrongType(param: string, expected: string, value: unknown): Reply {
  const message = `Invalid type for '${param}': expected ${expected}, but got ${nameOfType(value)} instead.`;
  return badField(param, message, 'invalid_type');
}

function nameOfType(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
