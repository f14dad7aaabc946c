// From JSON schemas to what a reader wants: a table of fields, and an example.
import { make, prose } from './elements.js';

/**
 * The schema that a reference leads to.
 * @param {object} document the OpenAPI document
 * @param {object} schema
 * @returns {object}
 */
export function resolve(document, schema) {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : document.components.schemas[name];
}

const typeNames = {
  string: 'text',
  number: 'number',
  integer: 'whole number',
  boolean: 'true or false',
  object: 'object',
  null: 'null',
};

function typeOf(document, schema) {
  const types = [schema.type ?? (schema.anyOf ? schema.anyOf.map((part) => part.type) : 'any')].flat();
  const names = types.map((type) => {
    if (type !== 'array')
      return schema.format === 'date-time' && type === 'string' ? 'time' : (typeNames[type] ?? type);
    const item = typeOf(document, resolve(document, schema.items));
    return `list of ${item === 'text' || item === 'object' ? `${item}s` : item}`;
  });
  return names.join(' or ');
}

function limitsOf(schema) {
  const limits = [];
  const { minimum, maximum, minLength, maxLength, maxItems } = schema;
  if (minimum !== undefined && minimum > -1e6) limits.push(`at least ${minimum}`);
  if (maximum !== undefined && maximum < 1e6) limits.push(`at most ${maximum}`);
  if (maxLength !== undefined)
    limits.push(`${minLength === undefined ? 'up to' : `${minLength} to`} ${maxLength} characters`);
  if (maxItems !== undefined) limits.push(`up to ${maxItems} items`);
  return limits.join(', ');
}

/** The fields of a schema, those of nested objects after their parent, with dotted names. */
function fieldsOf(document, schema, prefix = '') {
  const found = [];
  for (const [name, reference] of Object.entries(schema.properties ?? {})) {
    const field = resolve(document, reference);
    found.push({
      name: prefix + name,
      field,
      isRequired: schema.required?.includes(name) ?? false,
      depth: prefix.split('.').length,
    });
    if (field.properties) found.push(...fieldsOf(document, field, `${prefix}${name}.`));
    const item = field.items && resolve(document, field.items);
    if (item?.properties) found.push(...fieldsOf(document, item, `${prefix}${name}[].`));
  }
  return found;
}

function valueList(title, values) {
  return make(
    'p.values',
    {},
    `${title} `,
    ...values.flatMap((value, n) => [n === 0 ? '' : ' ', make('code', {}, String(value))]),
  );
}

/** A dotted name that may break after its dots. */
function breakable(name) {
  return name.split(/(?<=\.)/).flatMap((part, n) => (n === 0 ? [part] : [make('wbr'), part]));
}

function fieldRow(document, { name, field, isRequired, depth }, showsRequired) {
  const limits = limitsOf(field);
  const values = field.enum ?? field.items?.enum;
  return make(
    `tr.depth-${Math.min(depth, 3)}`,
    {},
    make(
      'th',
      { scope: 'row' },
      make('code', {}, ...breakable(name)),
      isRequired && showsRequired ? make('span.required', {}, 'required') : null,
    ),
    make('td.type', {}, typeOf(document, field)),
    make(
      'td',
      {},
      field.description ? make('p', {}, ...prose(field.description)) : null,
      values ? valueList('One of', values) : null,
      field.default === undefined ? null : valueList('Default', [JSON.stringify(field.default)]),
      limits === '' ? null : make('p.limits', {}, limits),
    ),
  );
}

/**
 * A table of the fields of an object schema, or null where it has none.
 * @param {object} document
 * @param {object} reference
 * @param {boolean} showsRequired
 * @returns {HTMLElement | null}
 */
export function fieldTable(document, reference, showsRequired) {
  const fields = fieldsOf(document, resolve(document, reference));
  return fields.length === 0 ? null : table(fields.map((field) => fieldRow(document, field, showsRequired)));
}

/**
 * A table of path and query parameters.
 * @param {object} document
 * @param {object[]} parameters
 * @returns {HTMLElement}
 */
export function parameterTable(document, parameters) {
  const fields = parameters.map(({ name, required, schema, description }) => ({
    name,
    field: { description, ...resolve(document, schema) },
    isRequired: required === true,
    depth: 1,
  }));
  return table(fields.map((field) => fieldRow(document, field, true)));
}

function table(rows) {
  const head = make('tr', {}, ...['Field', 'Type', 'Meaning'].map((title) => make('th', { scope: 'col' }, title)));
  return make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows));
}

/**
 * An example that fits a schema: its own, or one made of its fields' examples.
 * @param {object} document
 * @param {object} reference
 * @returns {unknown}
 */
export function exampleOf(document, reference) {
  const schema = resolve(document, reference);
  if (schema.example !== undefined) return schema.example;
  if (schema.properties) {
    const entries = Object.entries(schema.properties).map(([name, field]) => [name, exampleOf(document, field)]);
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const type = [schema.type].flat();
  if (type.includes('null')) return null;
  if (type.includes('array')) {
    const item = exampleOf(document, schema.items ?? {});
    return item === undefined ? [] : [item];
  }
  if (type.includes('boolean')) return true;
  if (type.includes('object')) return {};
  return undefined;
}
