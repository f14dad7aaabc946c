// The form that tries an operation: fields for its parameters and body, and the answer as it came.
import { copyButton, make } from './elements.js';
import { exampleOf } from './schema.js';

/** Where the gateway is, should a proxy have put it below a path. */
const root = location.pathname.replace(/\/api\/v1\/docs\/?$/, '');

function inputFor(parameter, operationId) {
  const id = `${operationId}-${parameter.name}`;
  const input = make('input', {
    id,
    name: parameter.name,
    autocomplete: 'off',
    spellcheck: 'false',
    required: parameter.required === true,
    placeholder: parameter.schema.default ?? '',
  });
  return {
    parameter,
    input,
    row: make('div.field', {}, make('label', { for: id }, make('code', {}, parameter.name)), input),
  };
}

function addressOf(path, inputs) {
  let address = path;
  const query = new URLSearchParams();
  for (const { parameter, input } of inputs) {
    if (parameter.in === 'path') address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value !== '') query.set(parameter.name, input.value);
  }
  return root + address + (query.size > 0 ? `?${query}` : '');
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** A text as a word of a shell command. */
function quoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function curlOf(method, address, body, hasToken) {
  const parts = [`curl ${method === 'GET' ? '' : `-X ${method} `}${quoted(location.origin + address)}`];
  if (hasToken) parts.push('-H "Authorization: Bearer $AIGATEWAY_ADMIN_TOKEN"');
  if (body !== undefined) parts.push(`-H 'content-type: application/json'`, `-d ${quoted(body)}`);
  return parts.join(' \\\n  ');
}

function showAnswer(output, answer, text, durationMs) {
  const kind = answer.ok ? 'good' : 'bad';
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const shown = pretty(text);
  output.replaceChildren(
    make(
      'p.outcome',
      {},
      make(`span.status.${kind}`, {}, `${answer.status} ${answer.statusText}`.trim()),
      make('span.note', {}, `${durationMs} ms`),
    ),
    text === ''
      ? make('p.note', {}, 'No body.')
      : make(
          'div.code',
          {},
          copyButton('Copy', () => shown),
          make('pre', { tabindex: 0 }, shown),
        ),
    make('details.headers', {}, make('summary', {}, 'Headers'), make('pre', { tabindex: 0 }, headers)),
  );
}

/**
 * The form for one operation.
 * @param {object} document the OpenAPI document
 * @param {string} method
 * @param {string} path
 * @param {object} operation
 * @param {{ token: string }} session
 * @returns {HTMLElement}
 */
export function trial(document, method, path, operation, session) {
  const inputs = (operation.parameters ?? []).map((parameter) => inputFor(parameter, operation.operationId));
  const schema = operation.requestBody?.content['application/json'].schema;
  const bodyId = `${operation.operationId}-body`;
  const body = schema
    ? make('textarea', { id: bodyId, spellcheck: 'false', wrap: 'off', 'aria-describedby': `${bodyId}-note` })
    : null;
  if (body) {
    body.value = JSON.stringify(exampleOf(document, schema), null, 2);
    body.rows = Math.min(16, body.value.split('\n').length + 1);
  }
  const output = make('div.output', { 'aria-live': 'polite' });
  const send = make('button.primary', { type: 'submit' }, 'Send');
  const curl = copyButton('Copy as curl', () =>
    curlOf(method, addressOf(path, inputs), body?.value, session.token !== ''),
  );

  const submit = async () => {
    if (method === 'DELETE' && !confirm(`Delete for good?\n\n${addressOf(path, inputs)}`)) return;
    send.disabled = true;
    const startedAt = performance.now();
    try {
      const answer = await fetch(addressOf(path, inputs), {
        method,
        headers: {
          ...(session.token !== '' && { authorization: `Bearer ${session.token}` }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: body.value }),
      });
      const text = await answer.text();
      showAnswer(output, answer, text, Math.round(performance.now() - startedAt));
    } catch (error) {
      output.replaceChildren(
        make('p.outcome', {}, make('span.status.bad', {}, 'No answer'), make('span.note', {}, error.message)),
      );
    } finally {
      send.disabled = false;
    }
  };

  const form = make(
    'form.trial',
    { onsubmit: (event) => (event.preventDefault(), void submit()), 'aria-label': `Try: ${operation.summary}` },
    make('h4', {}, 'Try it'),
    ...inputs.map(({ row }) => row),
    body &&
      make(
        'div.field.wide',
        {},
        make('label', { for: bodyId }, 'Body'),
        body,
        make('span.note', { id: `${bodyId}-note` }, 'JSON. Ctrl + Enter sends.'),
      ),
    make('div.actions', {}, send, curl),
    output,
  );
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  return form;
}
