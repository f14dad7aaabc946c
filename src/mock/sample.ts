// A value that fits a JSON schema, the same one every time: for tool arguments and structured answers.
import { isObject, listOf, numberOf, objectOf, textOf, type JsonObject } from './json.ts';

const MAX_DEPTH = 12;

const BY_TYPE: Readonly<Record<string, (schema: JsonObject, root: JsonObject, depth: number) => unknown>> = {
  string: (schema) => sampleString(schema),
  integer: (schema) => Math.ceil(numberOf(schema['minimum']) ?? 1),
  number: (schema) => numberOf(schema['minimum']) ?? 1.5,
  boolean: () => true,
  null: () => null,
  array: (schema, root, depth) => sampleArray(schema, root, depth),
  object: (schema, root, depth) => sampleObject(schema, root, depth),
};

const BY_FORMAT: Readonly<Record<string, string>> = {
  date: '2026-01-02',
  'date-time': '2026-01-02T03:04:05Z',
  email: 'someone@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/** A value for `schema`; references are looked up in `root`. What the schema does not say becomes an empty object. */
export function sampleOf(schema: unknown, root: JsonObject = objectOf(schema), depth: number = 0): unknown {
  if (!isObject(schema) || depth > MAX_DEPTH) return {};
  if (schema['const'] !== undefined) return schema['const'];
  const choices = listOf(schema['enum']);
  if (choices.length > 0) return choices[0];
  const reference = textOf(schema['$ref']);
  if (reference !== undefined) return sampleOf(resolve(reference, root), root, depth + 1);
  const alternative = [...listOf(schema['anyOf']), ...listOf(schema['oneOf']), ...listOf(schema['allOf'])][0];
  if (alternative !== undefined) return sampleOf(alternative, root, depth + 1);
  const type = Array.isArray(schema['type']) ? schema['type'][0] : schema['type'];
  const sampler = BY_TYPE[textOf(type) ?? (schema['items'] === undefined ? 'object' : 'array')];
  return sampler === undefined ? {} : sampler(schema, root, depth);
}

function sampleString(schema: JsonObject): string {
  const text = BY_FORMAT[textOf(schema['format']) ?? ''] ?? 'text';
  return text
    .padEnd(numberOf(schema['minLength']) ?? 0, '.')
    .slice(0, numberOf(schema['maxLength']) ?? text.length + 1000);
}

function sampleArray(schema: JsonObject, root: JsonObject, depth: number): unknown[] {
  const length = Math.min(Math.max(numberOf(schema['minItems']) ?? 1, 1), 100);
  return Array.from({ length }, () => sampleOf(schema['items'] ?? { type: 'string' }, root, depth + 1));
}

function sampleObject(schema: JsonObject, root: JsonObject, depth: number): JsonObject {
  const properties = Object.entries(objectOf(schema['properties']));
  return Object.fromEntries(properties.map(([name, property]) => [name, sampleOf(property, root, depth + 1)]));
}

/** The part of `root` that a local reference (`#/$defs/name`) points to. */
function resolve(reference: string, root: JsonObject): unknown {
  let place: unknown = root;
  for (const part of reference.replace(/^#\/?/, '').split('/')) {
    if (part !== '') place = objectOf(place)[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return place;
}
