// The version of a price: its id and a mark of what it says, so that a price that was changed later can be told apart.
import { ownText } from '../lib/own-text.ts';
import { tokenKinds, type Price } from '../core/price.ts';

/** `id@mark`, what the ledger keeps beside a cost. Prices with the same version say the same. */
export function versionOf({ id, fromMs, rates, longContext }: Price): string {
  const said = [fromMs, ...tokenKinds.map((kind) => rates[kind])];
  if (longContext !== null) said.push(longContext.overTokens, ...tokenKinds.map((kind) => longContext.rates[kind]));
  return ownText(`${id}@${mark(said.join())}`);
}

/** FNV-1a, 32 bits, as eight hexadecimal digits: tells versions of one price apart, and is no seal. */
function mark(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
