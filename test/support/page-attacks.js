// What a page of another origin can try, to be run in a browser: each attack answers what it got hold of, null for nothing.

const json = { 'content-type': 'application/json' };

/** Loads the target as a part of the page. A frame that loads tells nothing unless its document can be read. */
function embed(name, attribute) {
  return (target) =>
    new Promise((resolve, reject) => {
      const element = document.createElement(name);
      element.addEventListener('load', () =>
        resolve(attribute === 'src' && name === 'img' ? 'loaded' : readFrame(element)),
      );
      element.addEventListener('error', () => reject(new Error('not loaded')));
      if (name === 'link') element.rel = 'stylesheet';
      element[attribute] = target;
      document.body.append(element);
    });
}

function readFrame(element) {
  try {
    return element.contentDocument?.body.textContent || null;
  } catch {
    return null;
  }
}

/** Sends a form into a frame of the page, its one field so named that plain text reads as JSON. */
function form(enctype) {
  return (target, body) =>
    new Promise((resolve) => {
      const frame = document.createElement('iframe');
      frame.name = `frame of ${enctype}`;
      const sent = document.createElement('form');
      Object.assign(sent, { method: 'POST', action: target, enctype, target: frame.name });
      const input = document.createElement('input');
      input.name = `${body.slice(0, -1)},"metadata":{"a`;
      input.value = '":"b"}}';
      sent.append(input);
      document.body.append(frame, sent);
      frame.addEventListener('load', () => resolve(readFrame(frame)));
      sent.submit();
    });
}

const text = async (response) => (await response.text()) || null;

const attacks = {
  'fetch, cors': async (target) => text(await fetch(target)),
  'fetch, cors, with credentials': async (target) => text(await fetch(target, { credentials: 'include' })),
  'fetch, no-cors': async (target) => text(await fetch(target, { mode: 'no-cors' })),
  'fetch, POST of JSON': async (target, body) => text(await fetch(target, { method: 'POST', headers: json, body })),
  'fetch, PUT': async (target, body) => text(await fetch(target, { method: 'PUT', headers: json, body })),
  'fetch, DELETE': async (target) => text(await fetch(target, { method: 'DELETE' })),
  'fetch, POST without a body': async (target) => text(await fetch(target, { method: 'POST', mode: 'no-cors' })),
  'fetch, POST of plain text': async (target, body) =>
    text(await fetch(target, { method: 'POST', mode: 'no-cors', body })),
  'fetch, POST without a type': async (target, body) =>
    text(await fetch(target, { method: 'POST', mode: 'no-cors', body: new Blob([body]) })),
  'fetch, a made-up token': async (target) => text(await fetch(target, { headers: { authorization: 'Bearer x' } })),
  XMLHttpRequest: (target) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open('GET', target);
      request.addEventListener('load', () => resolve(request.responseText));
      request.addEventListener('error', () => reject(new Error('refused')));
      request.send();
    }),
  'sendBeacon of JSON': async (target, body) => {
    navigator.sendBeacon(target, new Blob([body], { type: 'application/json' }));
    return null;
  },
  'sendBeacon of plain text': async (target, body) => {
    navigator.sendBeacon(target, body);
    return null;
  },
  WebSocket: (target) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(target.replace('http', 'ws'));
      socket.addEventListener('open', () => resolve('open'));
      socket.addEventListener('error', () => reject(new Error('refused')));
    }),
  EventSource: (target) =>
    new Promise((resolve, reject) => {
      const source = new EventSource(target);
      source.addEventListener('open', () => resolve('open'));
      source.addEventListener('error', () => {
        source.close();
        reject(new Error('refused'));
      });
    }),
  'an image': embed('img', 'src'),
  'a script': embed('script', 'src'),
  'a style sheet': embed('link', 'href'),
  'a frame': embed('iframe', 'src'),
  'an object': embed('object', 'data'),
  'a form of plain text': form('text/plain'),
  'a form with its usual type': form('application/x-www-form-urlencoded'),
  'a form with files': form('multipart/form-data'),
};

/** Runs every attack at once; name and loot of those that got hold of something. An attack that hangs is over after 15 s. */
globalThis.attackAll = async (target, body) => {
  const found = await Promise.all(
    Object.entries(attacks).map(async ([name, attack]) => {
      const over = new Promise((resolve) => setTimeout(resolve, 15_000, null));
      return [name, await Promise.race([attack(target, body), over]).catch(() => null)];
    }),
  );
  return found.filter(([, loot]) => loot !== null);
};
