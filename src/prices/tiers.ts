// Which tier's price an answer is billed by: the tier that it names.

/** The tier of an answer that names none. */
const defaultTier = 'default';

/**
 * Names of a tier → the tier whose price holds where the name has none of its own. `auto` is what requests say, so an
 * answer that repeats it says nothing; `scale` is capacity paid in advance, shown at what it would cost otherwise; `fast`
 * is an older name of `priority` (openai-wire.md section 6). A name that is not here has no price but its own.
 */
const standsFor: ReadonlyMap<string, string> = new Map([
  ['auto', defaultTier],
  ['standard', defaultTier],
  ['on_demand', defaultTier],
  ['scale', defaultTier],
  ['fast', 'priority'],
]);

/** The tiers under which the price of a call may stand, the nearest first. */
export function tiersOf(serviceTier: string | null): readonly string[] {
  const tier = (serviceTier ?? '').toLowerCase();
  if (tier === '') return [defaultTier];
  const other = standsFor.get(tier);
  return other === undefined ? [tier] : [tier, other];
}
