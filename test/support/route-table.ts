// Every route that the gateway has, read from the tables that it serves them from: a new one is in here without being told.
import { createApplication, type ManagementParts } from '../../src/management/management.ts';
import { endpoints } from '../../src/providers/openai/endpoints.ts';

/** A route, with `x` in the place of every parameter. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly plane: 'data' | 'management' | 'operations';
}

/** Stands in for everything that the application is made of: a route is made without touching any of it. */
const nothing: unknown = new Proxy(() => {}, { get: () => nothing });

function managementRoutes(): Route[] {
  const { routes } = createApplication(nothing as ManagementParts);
  const found = routes.filter(({ method }) => method !== 'ALL');
  return found.map(({ method, path }) => ({ method, path: path.replaceAll(/:\w+/gu, 'x'), plane: 'management' }));
}

const dataRoutes: readonly Route[] = [
  ...endpoints.map(({ path }) => ({ method: 'POST', path, plane: 'data' }) as const),
  { method: 'GET', path: '/v1/models', plane: 'data' },
  { method: 'GET', path: '/v1/models/gpt-4', plane: 'data' },
];

const operationRoutes: readonly Route[] = ['/health', '/ready', '/metrics'].map((path) => ({
  method: 'GET',
  path,
  plane: 'operations',
}));

/** Every route, each once. */
export function allRoutes(): Route[] {
  const all = [...managementRoutes(), ...dataRoutes, ...operationRoutes];
  const names = all.map(({ method, path }) => `${method} ${path}`);
  return all.filter((_, n) => names.indexOf(names[n] ?? '') === n);
}
