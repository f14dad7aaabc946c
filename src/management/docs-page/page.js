// The page: reads the description of the API and shows it, asking for the admin token where the gateway wants one.
import { make, prose } from './elements.js';
import { contentsLine, operationElement } from './operation.js';

/** The token lives here and nowhere else: closing the page forgets it. */
const session = { token: '' };

const byId = (id) => document.getElementById(id);

function operationsOf(description, tag) {
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) =>
      operation.tags.includes(tag) && method !== 'put' ? [{ method: method.toUpperCase(), path, operation }] : [],
    ),
  );
}

function show(description) {
  byId('introduction').replaceChildren(...prose(description.info.description));
  const groups = description.tags.map((tag) => ({ tag, operations: operationsOf(description, tag.name) }));
  byId('contents').replaceChildren(
    ...groups.map(({ tag, operations }) =>
      make(
        'section',
        {},
        make('h2', {}, make('a', { href: `#${tag.name.toLowerCase()}` }, tag.name)),
        make('ul', {}, ...operations.map(({ method, operation }) => contentsLine(method, operation))),
      ),
    ),
  );
  byId('groups').replaceChildren(
    ...groups.map(({ tag, operations }) =>
      make(
        'section.group',
        { id: tag.name.toLowerCase() },
        make('h2', {}, tag.name),
        make('p.note', {}, ...prose(tag.description)),
        ...operations.map(({ method, path, operation }) =>
          operationElement(description, method, path, operation, session),
        ),
      ),
    ),
  );
  openNamed();
}

/** Opens the operation that the address names. */
function openNamed() {
  const named = location.hash === '' ? null : byId(decodeURIComponent(location.hash.slice(1)));
  if (named === null) return;
  if (named.matches('details:not([open])')) {
    // Its details are made when it opens: only then is the page long enough to scroll to it.
    named.addEventListener('toggle', () => named.scrollIntoView(), { once: true });
    named.open = true;
  }
  named.scrollIntoView();
}

function notice(text, isUrgent) {
  const element = byId('notice');
  element.textContent = text;
  element.hidden = text === '';
  element.classList.toggle('urgent', isUrgent);
}

async function load() {
  try {
    const answer = await fetch('openapi.json', {
      headers: session.token === '' ? {} : { authorization: `Bearer ${session.token}` },
    });
    const read = await answer.json();
    if (answer.ok) {
      show(read);
      notice('', false);
      return;
    }
    const text =
      answer.status === 401 && session.token === ''
        ? 'This gateway asks for its admin token: enter it above.'
        : read.error.message;
    notice(text, true);
    if (answer.status === 401) byId('token').focus();
  } catch (error) {
    notice(`The description of the API could not be read: ${error.message}`, true);
  }
}

byId('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  session.token = byId('token').value.trim();
  void load();
});
addEventListener('hashchange', openNamed);
void load();
