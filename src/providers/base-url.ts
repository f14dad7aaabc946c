// Which addresses a provider may have: an administrator's typing error must not send keys to a machine's own metadata service.
import { isIP } from 'node:net';
import { bareHost, placeOf } from '../core/network-address.ts';

/** Names under which clouds hand out a machine's own credentials; never a provider. */
const metadataHosts = ['metadata.google.internal', 'metadata.goog', 'metadata', 'instance-data'];

/**
 * What is wrong with a `base_url`, as the end of a sentence that begins with its name; undefined where it can be used.
 * Looks at the text only: what a host name resolves to is looked at when it is connected to.
 */
export function baseUrlProblem(text: string, mayBePrivate: boolean): string | undefined {
  const url = /^https?:\/\/[^\s\\]+$/iu.test(text) ? URL.parse(text) : null;
  if (url === null) return 'must be an http or https URL, such as "https://api.openai.com"';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  if (text.includes('?') || text.includes('#')) return 'must not hold a query or a fragment';
  // The URL parser has already brought every spelling of an IP address (decimal, octal, mapped) to one form.
  const host = bareHost(url.hostname);
  const place = isIP(host) === 0 ? 'internet' : placeOf(host);
  if (metadataHosts.includes(host) || place === 'metadata_service') {
    return 'must not be the address of a cloud metadata service';
  }
  if (!mayBePrivate && place === 'private_network') {
    return 'is in a private network; set config.allow_private to true if that is meant';
  }
  return undefined;
}
