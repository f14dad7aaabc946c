// THE REGISTRY: one line a vendor, the providers that need no row, and which model names lead to them.
import type { PriceList } from '../core/price.ts';
import type { ModelPrefix, Vendor } from '../core/provider.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { listPrices as openaiPrices } from './openai/list-prices.ts';
import { openai } from './openai/vendor.ts';

/** Provider id → the vendor whose rules it follows. An id that is not here follows `otherVendor`. */
export const vendors: Readonly<Record<string, Vendor>> = { openai };

export const otherVendor: Vendor = openaiCompatible;

/** The vendor whose rules the provider of this id follows. */
export function vendorOf(providerId: string): Vendor {
  return (Object.hasOwn(vendors, providerId) ? vendors[providerId] : undefined) ?? otherVendor;
}

/** A provider row that a fresh install has without anybody writing it; a row of the same id overrides it. */
export interface BuiltInProvider {
  readonly id: string;
  readonly name: string;
  readonly base_url: string;
  readonly auth_type: string;
  readonly auth_strategy: string;
  readonly supported_models: readonly string[];
  readonly is_active: boolean;
  readonly config: Readonly<Record<string, unknown>>;
}

export const builtInProviders: readonly BuiltInProvider[] = [
  {
    id: 'openai',
    name: 'OpenAI',
    base_url: 'https://api.openai.com',
    auth_type: 'api_key',
    auth_strategy: 'api_key',
    supported_models: ['gpt-4', 'gpt-4-turbo', 'gpt-4-turbo-preview', 'gpt-3.5-turbo', 'gpt-3.5-turbo-16k'],
    is_active: true,
    config: {},
  },
];

/** Model name prefix (lower case) → provider, first match wins. To route one more family, add one line. */
export const modelPrefixes: readonly ModelPrefix[] = [
  { prefix: 'gpt-', providerId: 'openai' },
  { prefix: 'chatgpt-', providerId: 'openai' },
  { prefix: 'o1', providerId: 'openai' },
  { prefix: 'o3', providerId: 'openai' },
  { prefix: 'o4', providerId: 'openai' },
  { prefix: 'text-embedding-', providerId: 'openai' },
  { prefix: 'davinci-', providerId: 'openai' },
  { prefix: 'babbage-', providerId: 'openai' },
  { prefix: 'codex-', providerId: 'openai' },
  { prefix: 'computer-use-', providerId: 'openai' },
  { prefix: 'omni-moderation-', providerId: 'openai' },
  { prefix: 'text-moderation-', providerId: 'openai' },
  { prefix: 'tts-', providerId: 'openai' },
  { prefix: 'whisper-', providerId: 'openai' },
  { prefix: 'dall-e-', providerId: 'openai' },
  { prefix: 'sora-', providerId: 'openai' },
  { prefix: 'ft:gpt-', providerId: 'openai' },
  { prefix: 'ft:o4', providerId: 'openai' },
  { prefix: 'ft:davinci-', providerId: 'openai' },
  { prefix: 'ft:babbage-', providerId: 'openai' },
];

/** The prices that hold without anybody entering them, by the model's name, at whatever provider it is called. */
export const listPrices: PriceList = openaiPrices;
