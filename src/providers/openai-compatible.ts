// Anything that speaks OpenAI's format at another address: data in a provider row, no code.
import type { Vendor } from '../core/provider.ts';
import { sizesWith } from './openai/model-sizes.ts';
import { openai } from './openai/vendor.ts';

/** OpenAI's rules; keys have its form too, unless the provider's `config.key_prefixes` says otherwise. */
export const openaiCompatible: Vendor = {
  ...openai,
  id: 'openai-compatible',
  // The older name, which more servers know.
  outputLimitName: 'max_tokens',
  sizeOf: sizesWith(4096),
};
