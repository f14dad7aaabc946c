// Debian's Chromium for tests of pages, driven by playwright-core, which brings no browser of its own.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Why there is no browser here, as the reason of a skipped test; false where there is one. CI must have one. */
export function withoutBrowser(): string | false {
  if (existsSync(executablePath)) return false;
  assert.equal(process.env['CI'], undefined, `CI must have a browser at ${executablePath}`);
  return `there is no Chromium at ${executablePath} (on Debian: apt-get install chromium)`;
}

/** Starts a browser for which these host names lead to this machine. */
export function startBrowser(hosts: readonly string[]): Promise<Browser> {
  const rules = [
    ...hosts.map((host) => `MAP ${host} 127.0.0.1`),
    'MAP * ~NOTFOUND',
    'EXCLUDE 127.0.0.1',
    'EXCLUDE localhost',
  ];
  return chromium.launch({
    executablePath,
    args: [
      // The browser's own protection of this machine from pages of others: what is tested is the gateway's.
      '--disable-features=LocalNetworkAccessChecks',

      `--host-resolver-rules=${rules.join(', ')}`,
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
    ],
  });
}
