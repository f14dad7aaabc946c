// Gives memory back that is free, but that the allocator of the C library keeps: glibc by itself lets go only what lies at the end of its heap.
import { cFunction } from './c-library.ts';

/** What gives it back, for all threads, in a millisecond or two; it does nothing where the system, or this Node.js, has no way to. */
export function allocatorTrim(): () => void {
  try {
    const trim = cFunction('malloc_trim', ['uint64']);
    return () => void trim(0n);
  } catch {
    // musl and macOS have no such function, Node.js 24 no such module: there the memory is kept for the next load.
    return () => {};
  }
}
