// Hears what a model says in tool calls: their names and arguments, from a delta's bytes (test/fixtures/openai-wire.md section 5).
import { channels, type HeardText } from '../../core/heard-text.ts';
import { nameIs, skipString, spanIs, walkArray, walkObject } from '../../lib/json-scan.ts';
import { readValue } from '../../lib/json-value.ts';

const quote = 0x22;
const zero = 0x30;
const nine = 0x39;

/** Members of a tool call that hold its name and what it is called with: a function's, or a custom tool's. */
const calls = ['function', 'custom'];
const inputs = ['arguments', 'input'];

/** All but the first piece of one call's arguments come in this very form: then nothing needs to be walked. */
const opening = '[{"index":';
const middle = ',"function":{"arguments":';
const closing = '}}]';

/** Adds the text of the array `tool_calls` at the span. */
export function hearToolCalls(text: HeardText, choice: number, bytes: Uint8Array, start: number, end: number): void {
  if (hearArguments(text, choice, bytes, start, end)) return;
  walkArray(bytes, start, end, (from, to) => {
    let index = 0;
    walkObject(bytes, from, to, (nameStart, nameEnd, valueStart, valueEnd) => {
      if (nameIs(bytes, nameStart, nameEnd, 'index')) index = indexOf(readValue(bytes, valueStart, valueEnd));
      else if (calls.some((name) => nameIs(bytes, nameStart, nameEnd, name)))
        hearCall(text, choice, index, bytes, valueStart, valueEnd);
    });
  });
}

function indexOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.floor(value) : 0;
}

function hearArguments(text: HeardText, choice: number, bytes: Uint8Array, start: number, end: number): boolean {
  let at = start + opening.length;
  if (!spanIs(bytes, start, at, opening)) return false;
  let index = 0;
  for (let byte = bytes[at] ?? 0; byte >= zero && byte <= nine; byte = bytes[at] ?? 0) {
    index = index * 10 + byte - zero;
    at += 1;
  }
  const textStart = at + middle.length;
  if (!spanIs(bytes, at, textStart, middle)) return false;
  const textEnd = skipString(bytes, textStart, end);
  if (textEnd === -1 || !spanIs(bytes, textEnd, end, closing)) return false;
  text.add(choice, channels.toolCalls + 2 * index + 1, bytes, textStart + 1, textEnd - 1);
  return true;
}

/** Adds the text of one call: the object of `function_call` at the span, or of a tool call's `function`. */
export function hearCall(
  text: HeardText,
  choice: number,
  index: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  const channel = channels.toolCalls + 2 * index;
  walkObject(bytes, start, end, (nameStart, nameEnd, valueStart, valueEnd) => {
    if (bytes[valueStart] !== quote) return;
    if (nameIs(bytes, nameStart, nameEnd, 'name')) text.add(choice, channel, bytes, valueStart + 1, valueEnd - 1);
    else if (inputs.some((name) => nameIs(bytes, nameStart, nameEnd, name)))
      text.add(choice, channel + 1, bytes, valueStart + 1, valueEnd - 1);
  });
}
