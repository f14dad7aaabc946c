// A tool as the model reads it: chat models are shown the declarations of functions, which are shorter than their JSON schema.
import { listOf, membersOf, textsOf } from './json.ts';

const deepest = 20;

/** The text of one function of `tools` or `functions`. */
export function toolTexts(value: unknown): string[] {
  const { name, description, parameters } = membersOf(value);
  if (typeof name !== 'string') return [];
  const lines = [...comment(description), `type ${name} = (_: ${typeText(parameters, 0)}) => any;`];
  return [lines.join('\n')];
}

/** The texts of one custom tool of `tools`: what it is called with is text, perhaps by a grammar. */
export function customTexts(value: unknown): string[] {
  const { name, description, format } = membersOf(value);
  return textsOf(name, description, membersOf(membersOf(format)['grammar'])['definition']);
}

function comment(description: unknown): string[] {
  return textsOf(description).map((text) => `// ${text}`);
}

function typeText(schema: unknown, depth: number): string {
  const { type, enum: values, properties, items, anyOf, oneOf } = membersOf(schema);
  if (depth > deepest) return 'any';
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' | ');
  const alternatives = [...listOf(anyOf), ...listOf(oneOf)];
  if (alternatives.length > 0) return alternatives.map((one) => typeText(one, depth + 1)).join(' | ');
  if (type === 'array' || items !== undefined) return `${typeText(items, depth + 1)}[]`;
  if (properties !== undefined) return objectText(schema, depth);
  return Array.isArray(type) ? type.join(' | ') : typeof type === 'string' ? type : 'any';
}

function objectText(schema: unknown, depth: number): string {
  const { properties, required } = membersOf(schema);
  const lines = Object.entries(membersOf(properties)).flatMap(([name, property]) => [
    ...comment(membersOf(property)['description']),
    `${name}${listOf(required).includes(name) ? '' : '?'}: ${typeText(property, depth + 1)},`,
  ]);
  return `{\n${lines.join('\n')}\n}`;
}
