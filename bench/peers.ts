// `npm run bench:peers`: tells which peers are installed; with --install it installs those that are not.
import { parseArgs } from 'node:util';
import { defaultCacheFolder, peerIds, peers, unavailable, type Peer } from './subjects/peers.ts';

const usage = `Usage: npm run bench:peers -- [options]

  --install        install what is missing, from package registries, into the cache folder
  --cache FOLDER   where peers are installed (${defaultCacheFolder()})
`;

function state(peer: Peer, cacheFolder: string): string {
  const installed = peer.installed(cacheFolder);
  if (installed === undefined) return 'missing';
  if (peer.version !== undefined && installed !== peer.version)
    return `${installed}, not the ${peer.version} of the table`;
  return installed;
}

function isThere(peer: Peer, cacheFolder: string): boolean {
  const installed = peer.installed(cacheFolder);
  return installed !== undefined && (peer.version ?? installed) === installed;
}

const { values } = parseArgs({
  options: {
    install: { type: 'boolean', default: false },
    cache: { type: 'string', default: defaultCacheFolder() },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
} else {
  for (const id of peerIds) {
    const peer: Peer = peers[id];
    if (values.install && !isThere(peer, values.cache)) {
      process.stdout.write(`installing ${peer.title}: ${peer.source} ${peer.version ?? ''}\n`);
      try {
        peer.install(values.cache);
      } catch (error) {
        process.stdout.write(`${peer.title} could not be installed: ${(error as Error).message}\n`);
        process.exitCode = 1;
      }
    }
    process.stdout.write(`${peer.title}: ${state(peer, values.cache)} (${peer.source})\n`);
  }
  for (const [name, reason] of Object.entries(unavailable)) process.stdout.write(`${name}: not to be had, ${reason}\n`);
}
