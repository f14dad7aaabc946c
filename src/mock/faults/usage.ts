// Faults of the usage object, in whole answers and in streams that include it.
import type { Fault } from './fault.ts';

const ABSURD = {
  prompt_tokens: -7,
  completion_tokens: 1e18,
  total_tokens: 'many',
  prompt_tokens_details: { cached_tokens: 1e12 },
  completion_tokens_details: null,
};

/** The rows, by name. */
export const USAGE_FAULTS = {
  'usage-zero': {
    about: 'All numbers of the usage object are 0.',
    reply: (scene) => scene.healthy((usage) => zeroed(usage)),
  },
  'usage-missing': {
    about: 'The usage object is left out, and the usage chunk of a stream with it.',
    reply: (scene) => scene.healthy(() => undefined),
  },
  'usage-absurd': {
    about: 'The usage object has negative, huge and non-numeric fields.',
    reply: (scene) => scene.healthy(() => ABSURD),
  },
} satisfies Readonly<Record<string, Fault>>;

function zeroed(value: unknown): unknown {
  if (typeof value === 'number') return 0;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, zeroed(field)]));
}
