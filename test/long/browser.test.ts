// Pages of other origins in a real browser: they can read nothing of the gateway, and change nothing; its own page can.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, suite, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { startBrowser, withoutBrowser } from '../support/browser.ts';
import { chat, startRig, type Rig } from '../support/rig.ts';

const evil = 'evil.example';
const rebound = 'rebound.example';

/** The attacks of a page, as a script for it. */
const script = readFileSync(new URL('../support/page-attacks.js', import.meta.url), 'utf8');

interface Site {
  readonly port: number;
  readonly seen: string[];
  close(): void;
}

/** A site with an empty page; one that is `naive` lets everybody do everything, as a check that the attacks are real. */
async function startSite(isNaive: boolean): Promise<Site> {
  const seen: string[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    if (isNaive) {
      seen.push(`${request.method} ${request.url}`);
      response.setHeader('access-control-allow-origin', '*').setHeader('access-control-allow-headers', '*');
      response.setHeader('access-control-allow-methods', '*');
    }
    request.resume().on('end', () => response.setHeader('content-type', 'text/html').end('<!doctype html><body>hello'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

suite('a page of another origin', { skip: withoutBrowser() }, () => {
  let browser: Browser;
  let rig: Rig;
  let site: Site;
  let naive: Site;
  /** What is attacked, and what a successful attack would send there. */
  let targets: readonly (readonly [url: string, body: string])[];
  let untouched: string;

  const stateOf = async (): Promise<string> => {
    const lists = ['/accounts', '/routes', '/providers', '/keys', '/audit?limit=1000'].map((path) =>
      rig.manage(path === '' ? '' : 'GET', path),
    );
    return JSON.stringify(await Promise.all(lists));
  };

  before(async () => {
    browser = await startBrowser([evil, rebound]);
    rig = await startRig();
    site = await startSite(false);
    naive = await startSite(true);
    targets = [
      ['/api/v1/accounts', JSON.stringify({ provider_id: 'openai', label: 'Evil', auth_data: { api_key: 'sk-evil' } })],
      [`/api/v1/accounts/${rig.accounts[0]}`, JSON.stringify({ label: 'Evil' })],
      [`/api/v1/accounts/${rig.accounts[0]}/drain`, '{}'],
      ['/api/v1/settings', '{}'],
      ['/v1/chat/completions', JSON.stringify(chat('gpt-4'))],
      ['/v1/models', '{}'],
      ['/metrics', '{}'],
    ];
    untouched = await stateOf();
  });
  after(async () => {
    await browser?.close();
    site?.close();
    naive?.close();
    await rig?.stop();
  });

  /** One of each part of the gateway: each looks in one place at whose page it is. */
  const oneOfEach = (): typeof targets =>
    targets.filter(([path]) => ['/api/v1/accounts', '/v1/chat/completions', '/metrics'].includes(path));

  /** Runs every attack of a page at this URL on the targets, all or some; what they got hold of. */
  async function attackFrom(pageUrl: string, origin: string, attacked = targets): Promise<string[]> {
    const context = await browser.newContext();
    if (pageUrl.startsWith(origin))
      await context.route(pageUrl, (route) => route.fulfill({ contentType: 'text/html', body: '<body>' }));
    const all = await Promise.all(
      attacked.map(async ([path, body]) => {
        const page = await context.newPage();
        await page.goto(pageUrl);
        await page.evaluate(script);
        const call = `attackAll(${JSON.stringify(origin + path)}, ${JSON.stringify(body)})`;
        const loot = (await page.evaluate(call)) as [name: string, text: string][];
        return loot.map(([name, text]) => `${name}, ${path}: ${text}`);
      }),
    );
    await context.close();
    return all.flat();
  }

  async function assertUntouched(): Promise<void> {
    assert.equal(await stateOf(), untouched);
    assert.deepEqual(rig.mock.journal().entries, []);
  }

  const port = (): string => new URL(rig.url).port;

  test('the attacks are real: against a server that lets everybody do everything they succeed', async () => {
    const accounts = targets.slice(0, 1);
    const loot = await attackFrom(`http://${evil}:${site.port}/page`, `http://127.0.0.1:${naive.port}`, accounts);
    for (const name of ['fetch, cors', 'fetch, POST of JSON', 'fetch, PUT', 'fetch, DELETE', 'XMLHttpRequest'])
      assert.ok(
        loot.some((line) => line.startsWith(`${name}, /api/v1/accounts:`)),
        `${name}: ${loot.join('\n')}`,
      );
    const posts = naive.seen.filter((line) => line === 'POST /api/v1/accounts').length;
    assert.ok(posts >= 7, `fetches, beacons and forms arrive, ${posts} of them`);
    assert.ok(naive.seen.includes('OPTIONS /api/v1/accounts'));
  });

  for (const [name, pageUrl, gateway, attacked] of [
    ['on another host', () => `http://${evil}:${site.port}/page`, () => `http://127.0.0.1:${port()}`, () => targets],
    [
      'on another host, by the name of this machine',
      () => `http://${evil}:${site.port}/page`,
      () => `http://localhost:${port()}`,
      oneOfEach,
    ],
    [
      'on another port of this machine',
      () => `http://localhost:${site.port}/page`,
      () => `http://localhost:${port()}`,
      oneOfEach,
    ],
    [
      'on another port of the same address',
      () => `http://127.0.0.1:${site.port}/page`,
      () => `http://127.0.0.1:${port()}`,
      oneOfEach,
    ],
  ] as const) {
    test(`${name}: reads nothing, changes nothing`, async () => {
      assert.deepEqual(await attackFrom(pageUrl(), gateway(), attacked()), []);
      await assertUntouched();
    });
  }

  test('whose name leads to this machine by now (DNS rebinding): is told to go away, and changes nothing', async () => {
    const origin = `http://${rebound}:${port()}`;
    const loot = await attackFrom(`${origin}/page`, origin);
    // To the browser this is one origin, so what comes can be read: refusals, and nothing else.
    assert.ok(loot.length > 5 * targets.length, loot.join('\n'));
    for (const line of loot)
      assert.match(line, /: (?:loaded|\{"error":\{[^}]*"code":"(?:forbidden|method_not_allowed)"\}\})$/u);
    await assertUntouched();
  });

  test('that opens the gateway in a window or a frame: sees nothing of it', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://${evil}:${site.port}/page`);
    const opening = context.waitForEvent('page');
    await page.evaluate(`void open(${JSON.stringify(`${rig.url}/api/v1/accounts`)})`);
    const opened = await opening;
    await opened.waitForLoadState();
    assert.match((await opened.textContent('body')) ?? '', /"code":"forbidden"/u);
    const isForeign = await page.evaluate(`new Promise((resolve) => {
      const frame = document.createElement('iframe');
      frame.addEventListener('load', () => resolve(frame.contentDocument === null));
      frame.src = ${JSON.stringify(`${rig.url}/api/v1/docs`)};
      document.body.append(frame);
    })`);
    assert.equal(isForeign, true, 'the frame holds a document of another origin');
    const shown = (await page.frames()[1]?.evaluate('document.body.textContent')) as string | undefined;
    assert.ok(!shown?.includes('List accounts'), 'and not the page');
    await context.close();
    await assertUntouched();
  });

  test("the gateway's own page reads and changes as it should, under its strict policy", async () => {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.goto(`${rig.url}/api/v1/docs`);
    await page.waitForSelector('text=List accounts');
    const read = await page.evaluate(`fetch('/api/v1/accounts').then(({ status }) => status)`);
    const made = await page.evaluate(`fetch('/api/v1/routes', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"id":"by-page","pattern":"by-page","provider_id":"openai"}',
    }).then(({ status }) => status)`);
    assert.deepEqual([read, made], [200, 201]);
    assert.deepEqual(errors, []);
    const isInjected = await page.evaluate(`(() => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.injected = true';
      document.body.append(script);
      return 'injected' in globalThis;
    })()`);
    assert.equal(isInjected, false, 'no script but its own');
    await page.close();
    await rig.manage('DELETE', '/routes/by-page');
    untouched = await stateOf();
  });
});
