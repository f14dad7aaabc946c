// The memory that this process may have.
import { totalmem } from 'node:os';

/** The machine's memory in bytes, or what a container leaves of it. */
export function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
