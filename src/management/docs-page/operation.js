// One operation: a line that tells what it is, and all about it when it is opened.
import { make, prose } from './elements.js';
import { fieldTable, parameterTable } from './schema.js';
import { trial } from './trial.js';

function methodBadge(method) {
  return make(`span.method.${method.toLowerCase()}`, {}, method);
}

/** A path with its parameters set apart. */
function pathText(path) {
  return path.split(/(\{\w+\})/).map((part) => (part.startsWith('{') ? make('span.variable', {}, part) : part));
}

function section(title, ...content) {
  return make('section', {}, make('h4', {}, title), ...content);
}

function answers(document, responses) {
  const rows = Object.entries(responses).map(([status, response]) => {
    const schema = response.content?.['application/json']?.schema;
    const fields = schema ? fieldTable(document, schema, false) : null;
    const title = [
      make(`span.status.${status.startsWith('2') ? 'good' : 'bad'}`, {}, status === 'default' ? 'Error' : status),
      ' ',
      ...prose(response.description),
    ];
    return fields ? make('details.answer', {}, make('summary', {}, ...title), fields) : make('p.answer', {}, ...title);
  });
  return section('Answers', ...rows);
}

function details(document, method, path, operation, session) {
  const schema = operation.requestBody?.content['application/json'].schema;
  return make(
    'div.details',
    {},
    make(
      'div.about',
      {},
      operation.description ? make('p', {}, ...prose(operation.description)) : null,
      operation.parameters?.length > 0 ? section('Parameters', parameterTable(document, operation.parameters)) : null,
      schema ? section('Body', fieldTable(document, schema, true)) : null,
      answers(document, operation.responses),
    ),
    trial(document, method, path, operation, session),
  );
}

/**
 * An operation as a disclosure; its details are made when it is first opened.
 * @param {object} document the OpenAPI document
 * @param {string} method in upper case
 * @param {string} path
 * @param {object} operation
 * @param {{ token: string }} session
 * @returns {HTMLElement}
 */
export function operationElement(document, method, path, operation, session) {
  const element = make(
    'details.operation',
    { id: operation.operationId },
    make(
      'summary',
      {},
      methodBadge(method),
      make('span.path', {}, ...pathText(path)),
      make('span.summary', {}, operation.summary),
    ),
  );
  element.addEventListener('toggle', () => {
    if (element.open && element.childElementCount === 1) {
      element.append(details(document, method, path, operation, session));
    }
  });
  return element;
}

/**
 * The operation's line in the table of contents.
 * @param {string} method in upper case
 * @param {object} operation
 * @returns {HTMLElement}
 */
export function contentsLine(method, operation) {
  return make('li', {}, make('a', { href: `#${operation.operationId}` }, methodBadge(method), operation.summary));
}
