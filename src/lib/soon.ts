// Goes on with what is mostly there already: at once where it is, later where it is still awaited.

/** A value, or the promise of one. */
export type Soon<Value> = Value | Promise<Value>;

/**
 * Hands the value to `goOn`, within this call where it is no promise. An `await` of what is there costs 0.3 µs and lets
 * others go first; with one for each question on its way a request spent a tenth of its time on them. What `goOn` throws
 * is thrown, or rejects, in the same way.
 */
export function soon<Value, Result>(value: Soon<Value>, goOn: (value: Value) => Soon<Result>): Soon<Result> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}
