// What chaos takes over of a configuration: its providers and routes, and the model that it asks for. Never a key.
import { buildConfiguration, withBuiltIns } from '../configuration/snapshot.ts';
import type { Configuration } from '../core/configuration.ts';
import { findTarget, type Target } from '../core/route.ts';
import { builtInProviders, modelPrefixes } from '../providers/registry.ts';
import type { ConfigurationRows, ProviderRow, RouteRow } from '../storage/storage.ts';

/** A configuration without accounts, and where a request for the model goes in it. */
export interface Template {
  /** As a client names it. */
  readonly model: string;
  readonly target: Target;
  /** Those that can be used, built-in ones included. */
  readonly providers: readonly ProviderRow[];
  readonly routes: readonly RouteRow[];
  /** Rows that could not be understood and were left out. */
  readonly problems: readonly string[];
}

/** What a gateway has that nobody has set up yet. */
export const emptyConfiguration: ConfigurationRows = {
  revision: 0,
  providers: [],
  accounts: [],
  routes: [],
  prices: [],
  problems: [],
};

/** The template for a model, by default the first that a provider declares; undefined where no route leads from it to an active provider. */
export function templateOf(rows: ConfigurationRows, wantedModel?: string): Template | undefined {
  const configuration = buildConfiguration({ ...rows, accounts: [] }, noVault);
  const model = wantedModel ?? firstModel(configuration);
  const target = findTarget(configuration, modelPrefixes, model);
  if (target === undefined) return undefined;
  return {
    model,
    target,
    providers: withBuiltIns(rows.providers).filter(({ id }) => configuration.providers.has(id)),
    routes: rows.routes,
    problems: configuration.problems,
  };
}

const noVault = {
  unseal(): string {
    throw new Error('chaos opens no secret');
  },
};

function firstModel({ providers }: Configuration): string {
  const declared = [...providers.values()].flatMap(({ isActive, supportedModels }) =>
    isActive ? supportedModels : [],
  );
  const [first = ''] = [...declared, ...builtInProviders.flatMap(({ supported_models: models }) => models)];
  return first;
}
