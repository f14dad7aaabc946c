// OpenAI: what its keys look like, how its errors read, and the row that exists without a row.
import type { Vendor } from '../../core/provider.ts';
import { classify } from './classify.ts';

export const openai: Vendor = {
  id: 'openai',
  keyPrefixes: ['sk-proj-', 'sk-'],
  classify,
};
