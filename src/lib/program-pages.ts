// Gives back the pages of the program's own files: the start reads much of them that is not needed again.
import { readFileSync } from 'node:fs';
import { cFunction } from './c-library.ts';

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
}

/** Of what /proc/self/smaps says, those mappings that can be let go without losing a byte. */
export function disposableMappings(smaps: string): Mapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/mu).flatMap((mapping) => {
    const [, from, to] = head.exec(mapping) ?? [];
    if (from === undefined || to === undefined || !unchanged.test(mapping)) return [];
    const fromAddress = BigInt(`0x${from}`);
    return [{ fromAddress, sizeBytes: BigInt(`0x${to}`) - fromAddress }];
  });
}

/**
 * Lets go of them, in some milliseconds; does nothing where the system, or this Node.js, has no way to. The system keeps
 * them as it keeps any file that was read, until it needs the memory: whoever comes next finds them there, 64 KiB at a time.
 */
export function releaseProgramPages(): void {
  try {
    const advise = cFunction('madvise', ['uint64', 'uint64', 'int32']);
    const mappings = disposableMappings(readFileSync('/proc/self/smaps', 'latin1'));
    for (const { fromAddress, sizeBytes } of mappings) advise(fromAddress, sizeBytes, doNotNeed);
  } catch {
    // macOS and Windows have no such list, Node.js 24 has no way to the function: there the pages stay.
  }
}
