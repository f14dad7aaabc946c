// Makes DOM elements: text is always text, never markup.

/**
 * An element with attributes and children; a child that is null is left out.
 * @param {string} name tag, with classes after dots: `p.note`
 * @param {Record<string, string | number | boolean | ((event: Event) => void) | undefined>} attributes `on…` are listeners, true is an attribute without value
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
export function make(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * Prose in which `this` is code.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function prose(text) {
  return text.split('`').map((part, n) => (n % 2 === 1 ? make('code', {}, part) : part));
}

/**
 * A button that copies what `textOf` gives when it is pressed.
 * @param {string} label
 * @param {() => string} textOf
 * @returns {HTMLElement}
 */
export function copyButton(label, textOf) {
  const button = make('button.quiet', { type: 'button' }, label);
  const say = (text) => {
    button.textContent = text;
    setTimeout(() => {
      button.textContent = label;
    }, 1500);
  };
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(textOf()).then(
      () => say('Copied'),
      () => say('Not allowed'),
    );
  });
  return button;
}
