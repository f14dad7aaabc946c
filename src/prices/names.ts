// Under which names a model's price may stand: its own, then its alias or its family, the nearest first.

/** The date at the end of a snapshot's name: `-2024-08-06`. */
const snapshotDate = /-\d{4}-\d{2}-\d{2}$/u;

/**
 * A model's names from the nearest to the family, in lower case: `gpt-4o-2024-08-06`, `gpt-4o`. A fine-tuned model
 * (`ft:base:organization:name:id`) costs otherwise than the one it was made from, so its family is `ft:base`, never the base.
 */
export function namesOf(model: string, aliases: ReadonlyMap<string, string>): readonly string[] {
  const names = [model.toLowerCase()];
  for (let name = names[0]; name !== undefined;) {
    const next = aliases.get(name) ?? familyOf(name);
    // An alias that leads back would go round for ever.
    name = next === undefined || names.includes(next) ? undefined : next;
    if (name !== undefined) names.push(name);
  }
  return names;
}

function familyOf(name: string): string | undefined {
  if (name.startsWith('ft:') && name.indexOf(':', 3) !== -1) return name.slice(0, name.indexOf(':', 3));
  return snapshotDate.test(name) ? name.replace(snapshotDate, '') : undefined;
}
