// Gives memory back that is free, but that the allocator of the C library keeps: glibc by itself lets go only what lies at the end of its heap.
import { getBuiltinModule } from 'node:process';

/** As much of Node's module for foreign functions as is used here. Node.js 26 has it as an experiment: its form may change. */
interface ForeignFunctions {
  dlopen(
    library: null,
    functions: { readonly malloc_trim: { readonly arguments: readonly string[]; readonly return: string } },
  ): { readonly functions: { readonly malloc_trim: (keptBytes: bigint) => number } };
}

/** Gives it back, for all threads, in some milliseconds; does nothing where the system, or this Node.js, has no way to. */
export function trimAllocator(): void {
  try {
    const foreign = quietly(() => getBuiltinModule('node:ffi') as unknown as ForeignFunctions);
    // Null is the program itself, with the C library that it was linked to.
    const { functions } = foreign.dlopen(null, { malloc_trim: { arguments: ['uint64'], return: 'int32' } });
    functions.malloc_trim(0n);
  } catch {
    // musl and macOS have no such function, Node.js 24 no such module: there the memory is kept for the next load.
  }
}

/** Node warns of every experiment that is used. Who runs a gateway can do nothing about this one, and loses little where it ends. */
function quietly<T>(load: () => T): T {
  const warn = process.emitWarning.bind(process);
  process.emitWarning = () => {};
  try {
    return load();
  } finally {
    process.emitWarning = warn;
  }
}
