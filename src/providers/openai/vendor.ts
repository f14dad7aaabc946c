// OpenAI: what its keys look like, how its errors and its quota read, how it counts.
import type { Vendor } from '../../core/provider.ts';
import { books } from './books.ts';
import { classify } from './classify.ts';
import { encodingOf, knownEncodingOf } from './encodings.ts';
import { sizesWith } from './model-sizes.ts';
import { readGroup, readQuota } from './quota.ts';

export const openai: Vendor = {
  id: 'openai',
  keyPrefixes: ['sk-proj-', 'sk-'],
  classify,
  readQuota,
  readGroup,
  encodingOf,
  knownEncodingOf,
  outputLimitName: 'max_completion_tokens',
  sizeOf: sizesWith(16_384),
  books,
};
