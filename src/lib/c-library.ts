// Functions of the C library, where Node.js has a way to call them.
import { getBuiltinModule } from 'node:process';

/** What a whole number is to C. */
type WholeNumber = 'uint64' | 'int32';

/** As much of Node's module for foreign functions as is used here. Node.js 26 has it as an experiment: its form may change. */
interface ForeignFunctions {
  dlopen(
    library: null,
    functions: Readonly<Record<string, { readonly arguments: readonly WholeNumber[]; readonly return: WholeNumber }>>,
  ): { readonly functions: Readonly<Record<string, (...values: readonly (bigint | number)[]) => number>> };
}

/** A function of the C library that answers with an `int`; throws where the system, or this Node.js, has none. */
export function cFunction(
  name: string,
  parameters: readonly WholeNumber[],
): (...values: readonly (bigint | number)[]) => number {
  const foreign = quietly(() => getBuiltinModule('node:ffi') as unknown as ForeignFunctions);
  // Null is the program itself, with the C library that it was linked to.
  const found = foreign.dlopen(null, { [name]: { arguments: parameters, return: 'int32' } }).functions[name];
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
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
