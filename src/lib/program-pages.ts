// Gives back the pages of the program's own files: the start reads much of them that is not needed again.
import { readFileSync } from 'node:fs';
import { cFunction } from './c-library.ts';
import { ownText } from './own-text.ts';

/** MADV_DONTNEED of Linux: what is mapped from a file is read from it again when it is touched. */
const doNotNeed = 4;

/** Its lines stand in proc_pid_maps(5): a file, mapped for this process alone, that it cannot write to. */
const head = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p [0-9a-f]+ \S+ [1-9]\d* /u;

/** Not a page of it has been changed since it was mapped, as the linker does before it takes the right to write away. */
const unchanged = /^Anonymous: +0 kB$/mu;

/** One piece of the address space. */
export interface Mapping {
  readonly fromAddress: bigint;
  readonly sizeBytes: bigint;
  /** As the system lists it: the same line later on is the same piece of the same file. */
  readonly line: string;
}

/** Of what /proc/self/smaps says, those mappings that can be let go without losing a byte. */
export function disposableMappings(smaps: string): Mapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/mu).flatMap((mapping) => {
    const [, from, to] = head.exec(mapping) ?? [];
    if (from === undefined || to === undefined || !unchanged.test(mapping)) return [];
    const fromAddress = BigInt(`0x${from}`);
    // A view of it would keep all 200 KB of the list.
    const line = ownText(mapping.slice(0, mapping.indexOf('\n')));
    return [{ fromAddress, sizeBytes: BigInt(`0x${to}`) - fromAddress, line }];
  });
}

/** Those of them that /proc/self/maps still has: a thread that has ended took its own along. */
export function stillMapped(known: readonly Mapping[], maps: string): Mapping[] {
  const lines = new Set(maps.split('\n'));
  return known.filter(({ line }) => lines.has(line));
}

/** The pages of the program's own files, which the system keeps as it keeps any file that was read, until it needs the memory. */
export interface ProgramPages {
  /** Lets go of them, in some milliseconds: whoever comes next finds them there, 64 KiB at a time. */
  release(): void;
  /** Lets go of those that were there at the last release, in one or two milliseconds; the first time of all, as `release`. */
  releaseAgain(): void;
}

/** The program of this process; nothing is done where the system, or this Node.js, has no way to. */
export function programPages(): ProgramPages {
  let known: readonly Mapping[] | undefined;
  const letGo = (mappings: readonly Mapping[]): void => {
    const advise = cFunction('madvise', ['uint64', 'uint64', 'int32']);
    for (const { fromAddress, sizeBytes } of mappings) advise(fromAddress, sizeBytes, doNotNeed);
  };
  // macOS and Windows have no such list, Node.js 24 has no way to the function: there the pages stay.
  const release = (): void => {
    // Where there is no list, nobody asks for it again.
    known = [];
    try {
      known = disposableMappings(readFileSync('/proc/self/smaps', 'latin1'));
      letGo(known);
    } catch {}
  };
  return {
    release,
    releaseAgain() {
      if (known === undefined) return release();
      try {
        if (known.length > 0) letGo(stillMapped(known, readFileSync('/proc/self/maps', 'latin1')));
      } catch {}
    },
  };
}
