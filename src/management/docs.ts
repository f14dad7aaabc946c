// Serves the page /docs: static files of our own, without data, under a strict content security policy.
import { readFileSync } from 'node:fs';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { newApplication } from './application.ts';
import type { Env } from './parts.ts';

interface PageFile {
  readonly path: string;
  readonly file: string;
  readonly type: string;
}

const pageFiles: readonly PageFile[] = [
  { path: '/docs', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/docs/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  ...['page.js', 'operation.js', 'schema.js', 'trial.js', 'elements.js'].map((file) => ({
    path: `/docs/${file}`,
    file,
    type: 'text/javascript; charset=utf-8',
  })),
];

const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
};

/** The paths of the page below `base`. */
export function docsPaths(base: string): ReadonlySet<string> {
  return new Set(pageFiles.map(({ path }) => base + path));
}

/** The routes of the page; its files are read once, with the API's first call. */
export function docsRoutes(): OpenAPIHono<Env> {
  const app = newApplication();
  for (const { path, file, type } of pageFiles) {
    const text = readFileSync(new URL(`./docs-page/${file}`, import.meta.url), 'utf8');
    app.get(path, (context) => context.body(text, 200, { ...headers, 'content-type': type }));
  }
  return app;
}
